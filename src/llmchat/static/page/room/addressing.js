/** Whether a message calls the model, as the server sees it (chat/addressing.py). Pure. */

export const CALL = "@model";
const WORD = "[\\p{L}\\p{N}_]";
const BEFORE = "(?<![\\p{L}\\p{N}_.@+\\-])";
const BEHIND = `(?!${WORD}|[/\\-]|[.:@]${WORD})`;
const BEGUN = new RegExp(`${BEFORE}@${WORD}*$`, "u");

/** @param {string} text */
const literally = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/**
 * Where `@model`, or `@` and the name of this one, stands in the text; null: nowhere.
 *
 * @param {string} text
 * @param {string | null | undefined} model As `provider/name`.
 */
export function callIn(text, model) {
  const place = model?.indexOf("/") ?? -1;
  const names = ["model", ...(model ? [model, model.slice(place + 1), model.slice(model.lastIndexOf("/") + 1)] : [])];
  const either = names.filter(Boolean).sort((one, other) => other.length - one.length).map(literally).join("|");
  const found = new RegExp(`${BEFORE}@(?:${either})${BEHIND}`, "iu").exec(text);
  return found && { from: found.index, to: found.index + found[0].length };
}

/**
 * Where an `@model` has been begun that ends at the caret; null: nowhere.
 *
 * @param {string} text Up to the caret.
 */
export function callBegunIn(text) {
  const begun = BEGUN.exec(text)?.[0];
  const fits = begun !== undefined && begun !== CALL && CALL.startsWith(begun.toLowerCase());
  return fits ? { from: text.length - begun.length, to: text.length } : null;
}
