/**
 * Dialogs: `<dialog>` brings the focus trap, Escape and the way back of the focus; here is what they
 * have in common. And the line at the foot that says what was done, with a way to undo it.
 */

import { element } from "../dom.js";
import { iconButton } from "./icons.js";

const TOAST_SECONDS = 8;
let opened = 0;

/**
 * Opens a dialog; it is gone from the page when it closes.
 *
 * @param {string} title
 * @param {(Node | string | null | false)[]} content
 * @param {{ kind?: string, closable?: boolean }} [options] A class for its look; and whether Escape, a
 *   click beside it and its button close it.
 */
export function openDialog(title, content, { kind = "", closable = true } = {}) {
  const id = `dialog-${++opened}`;
  const dialog = element("dialog", { class: `dialog ${kind}`, "aria-labelledby": id });
  dialog.append(
    element("header", { class: "dialog-head" },
      element("h2", { id }, title),
      closable && iconButton("close", "Close", () => dialog.close())),
    element("div", { class: "dialog-body" }, ...content));
  dialog.addEventListener("cancel", (event) => closable || event.preventDefault());
  dialog.addEventListener("keydown", (event) => {
    // Chromium lets the second Escape in a row through, whatever `cancel` says.
    if (event.key === "Escape" && !closable) event.preventDefault();
  });
  dialog.addEventListener("pointerdown", (event) => {
    if (closable && event.target === dialog && isOutside(dialog, event)) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * @param {HTMLElement} box
 * @param {PointerEvent} point
 */
function isOutside(box, { clientX, clientY }) {
  const { left, right, top, bottom } = box.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}

/**
 * Asks before something that cannot be undone.
 *
 * @param {{ title: string, text: string, action: string, dangerous?: boolean }} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, action, dangerous = false }) {
  return new Promise((resolve) => {
    const close = (/** @type {string} */ answer) => () => dialog.close(answer);
    const dialog = openDialog(title, [
      element("p", {}, text),
      element("div", { class: "dialog-actions" },
        element("button", { type: "button", class: "button", autofocus: true, onclick: close("no") }, "Cancel"),
        element("button", { type: "button", class: dangerous ? "button bad" : "button main", onclick: close("yes") }, action)),
    ], { kind: "small" });
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let leaving;

/**
 * Says what was done, and for a while how to take it back.
 *
 * @param {string} text
 * @param {{ label: string, act: () => void }} [undo]
 */
export function toast(text, undo) {
  document.querySelector(".toast")?.remove();
  clearTimeout(leaving);
  const line = element("span", { role: "status" });
  const act = () => { box.remove(); undo?.act(); };
  const box = element("div", { class: "toast" },
    line,
    undo && element("button", { type: "button", class: "button plain", onclick: act }, undo.label),
    iconButton("close", "Dismiss", () => box.remove()));
  // Into the dialog that is open: below it, it would be inert.
  (document.querySelector("dialog[open]") ?? document.body).append(box);
  // A live region tells what changes in it, not what it came with.
  requestAnimationFrame(() => { line.textContent = text; });
  const leaveLater = () => {
    leaving = setTimeout(() => (box.matches(":hover, :focus-within") ? leaveLater() : box.remove()), TOAST_SECONDS * 1000);
  };
  leaveLater();
}

/** What went wrong with something that the reader asked for. @param {unknown} error */
export function toastProblem(error) {
  if (!(error instanceof Error)) throw error;
  const { detail, status } = /** @type {import("../api.js").Problem} */ (error);
  if (status === 401) return; // The sign-in is open already.
  toast([error.message, detail].filter(Boolean).join(". "));
}
