/** A menu that opens at a button: https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/ */

import { element, icon } from "../dom.js";
import { ICONS } from "./icons.js";

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {import("./icons.js").IconName} icon
 * @property {() => void} act
 * @property {boolean} [dangerous]
 */

/**
 * Opens it, with the focus on its first item; when it closes, the focus goes back to its button.
 *
 * @param {HTMLElement} anchor
 * @param {Item[]} items
 */
export function openMenu(anchor, items) {
  const menu = element("div", { class: "menu", role: "menu", popover: "auto", ariaLabel: anchor.ariaLabel });
  for (const item of items) {
    const onclick = () => { menu.hidePopover(); item.act(); };
    menu.append(element("button", {
      type: "button", role: "menuitem", tabIndex: -1, class: item.dangerous ? "menu-item bad" : "menu-item", onclick,
    }, icon(ICONS[item.icon]), item.label));
  }
  menu.addEventListener("keydown", (event) => onKey(menu, event));
  menu.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "open") return;
    anchor.ariaExpanded = "false";
    menu.remove();
  });
  // In the landmark or dialog that its button is in: elsewhere it could be inert.
  (anchor.closest("dialog, aside, header, main") ?? document.body).append(menu);
  anchor.ariaExpanded = "true";
  menu.showPopover();
  place(menu, anchor);
  focusItem(menu, 0);
}

/**
 * Puts a popover below its button, or above it where there is more room; always inside of the window.
 *
 * @param {HTMLElement} box
 * @param {HTMLElement} anchor
 */
export function place(box, anchor) {
  const GAP = 4, EDGE = 8, LEAST = 120;
  const at = anchor.getBoundingClientRect();
  const below = innerHeight - at.bottom - GAP - EDGE, above = at.top - GAP - EDGE;
  const goesUp = box.offsetHeight > below && above > below;
  box.style.maxHeight = `${Math.max(goesUp ? above : below, LEAST)}px`;
  box.style.left = `${Math.max(EDGE, Math.min(at.left, innerWidth - box.offsetWidth - EDGE))}px`;
  box.style.top = `${goesUp ? Math.max(EDGE, at.top - GAP - box.offsetHeight) : at.bottom + GAP}px`;
}

/**
 * @param {HTMLElement} menu
 * @param {KeyboardEvent} event
 */
function onKey(menu, event) {
  const now = [...menu.children].indexOf(/** @type {Element} */ (document.activeElement));
  if (event.key === "Tab") menu.hidePopover();
  const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: -1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  focusItem(menu, next);
}

/**
 * @param {HTMLElement} menu
 * @param {number} index
 */
function focusItem(menu, index) {
  const item = menu.children[(index + menu.children.length) % menu.children.length];
  if (item instanceof HTMLElement) item.focus();
}
