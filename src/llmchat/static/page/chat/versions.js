/** The versions of a message: ‹ 2/3 ›. */

import { element, icon } from "../dom.js";
import { BACK, NEXT } from "./drawings.js";

/**
 * @param {import("../types").Message} message
 * @param {(id: string) => void} choose
 * @returns {HTMLElement | null}
 */
export function versions({ id, siblings }, choose) {
  if (siblings.length < 2) return null;
  const place = siblings.indexOf(id);
  const step = (/** @type {string} */ label, /** @type {string} */ path, /** @type {number} */ to) =>
    element(
      "button",
      { type: "button", class: "tool", ariaLabel: label, disabled: !siblings[to], onclick: () => choose(siblings[to]) },
      icon(path),
    );
  return element(
    "span",
    { class: "versions", role: "group", ariaLabel: "Versions" },
    step("Previous version", BACK, place - 1),
    element("span", { class: "count" }, `${place + 1}/${siblings.length}`),
    step("Next version", NEXT, place + 1),
  );
}
