/** To the clipboard, also on a page that came by plain HTTP, where the browser's own way is closed. */

import { element } from "../dom.js";

/**
 * @param {string} text
 * @returns {Promise<boolean>} Whether it is there.
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const focused = document.activeElement;
  const field = element("textarea", { value: text, class: "unseen", readOnly: true });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
