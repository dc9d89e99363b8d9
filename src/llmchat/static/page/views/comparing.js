/** Two versions of a text, as one with what was taken out and what was put in. */

import { element } from "../dom.js";
import { diff } from "./diff.js";

const TAGS = /** @type {const} */ ({ same: "span", added: "ins", removed: "del" });

/**
 * @param {string} before
 * @param {string} after
 */
export function compared(before, after) {
  const pieces = diff(before, after);
  if (pieces.every(({ kind }) => kind === "same")) return element("p", { class: "hint" }, "The prompt is the same.");
  return element("div", { class: "prompt-text", dir: "auto", tabIndex: 0, role: "group", ariaLabel: "What has changed" },
    ...pieces.map(({ kind, text }) => element(TAGS[kind], {},
      kind !== "same" && element("span", { class: "unseen" }, kind === "added" ? " [added:] " : " [removed:] "), text)));
}
