/**
 * The sidebar comes and goes. On a wide screen it stands beside the conversation, and stays as it was
 * left; on a phone it is a drawer above it, which keeps the focus while it is open.
 */

import { byId, element } from "../dom.js";
import { iconButton } from "./icons.js";

const KEY = "llmchat.sidebar";
const root = document.documentElement;
const phone = matchMedia("(max-width: 50rem)");
let drawn = false;

export const isPhone = () => phone.matches;
export const isOpen = () => (phone.matches ? drawn : root.dataset.sidebar !== "closed");

/** @param {boolean} open */
export function openSidebar(open) {
  if (open === isOpen()) return;
  if (phone.matches) drawn = open;
  else remember(open);
  apply();
  if (!open) button("Open the sidebar")?.focus();
  else button("Close the sidebar")?.focus();
}

/** After a choice in the drawer: what was chosen lies below it. */
export function closeDrawer() {
  if (phone.matches) openSidebar(false);
}

/** @param {string} label */
function button(label) {
  return /** @type {HTMLButtonElement | null} */ (document.querySelector(`button[aria-label="${label}"]`));
}

/** @param {boolean} open */
function remember(open) {
  if (open) delete root.dataset.sidebar; else root.dataset.sidebar = "closed";
  try {
    localStorage.setItem(KEY, open ? "open" : "closed");
  } catch { /* Then it is open again next time. */ }
}

function apply() {
  const open = isOpen();
  byId("sidebar", HTMLElement).inert = !open;
  byId("stage", HTMLElement).inert = phone.matches && open;
  root.toggleAttribute("data-drawn", phone.matches && open);
  for (const label of ["Open the sidebar", "Close the sidebar"]) {
    const found = button(label);
    if (found) found.ariaExpanded = String(open);
  }
}

export function showDrawer() {
  const sidebar = byId("sidebar", HTMLElement);
  const backdrop = element("div", { class: "backdrop", onclick: () => openSidebar(false) });
  sidebar.after(backdrop);
  byId("topbar", HTMLElement).prepend(iconButton("menu", "Open the sidebar", () => openSidebar(true), { class: "icon-button sidebar-opener", "aria-controls": "sidebar" }));
  sidebar.addEventListener("keydown", (event) => {
    // A menu in it is closed first, by the browser.
    if (event.key !== "Escape" || event.defaultPrevented || !phone.matches || sidebar.querySelector(":popover-open")) return;
    event.preventDefault();
    openSidebar(false);
  });
  phone.addEventListener("change", () => { drawn = false; apply(); });
  apply();
}
