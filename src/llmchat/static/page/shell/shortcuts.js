/** The keyboard: everything can be done with it, and `?` shows how. */

import { element } from "../dom.js";
import { openDialog, toast } from "./dialogs.js";
import { isOpen, openSidebar } from "./drawer.js";
import { openModels } from "./models.js";
import { newChat } from "./newchat.js";
import { openSettings } from "./settings.js";
import { nextTheme } from "./theme.js";

const KEY = "llmchat.keys";
const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

/**
 * `key` alone, when nothing is being typed; `mod` with Ctrl or ⌘, always; `chat` while no view lies above it.
 *
 * @typedef {{ keys: string[], mod?: boolean, shift?: boolean, chat?: boolean, does: string, act: (app: import("../types").App) => unknown }} Shortcut
 */

/** @type {Shortcut[]} */
const SHORTCUTS = [
  { keys: ["k"], mod: true, does: "Search conversations", act: focusSearch },
  { keys: ["o"], mod: true, shift: true, does: "New chat", act: newChat },
  { keys: ["."], mod: true, does: "Stop the answer", act: ({ conversation }) => conversation.stop() },
  { keys: ["n"], does: "New chat", act: newChat },
  { keys: ["/"], chat: true, does: "Write a message", act: () => focus("question") },
  { keys: ["s"], does: "Search conversations", act: focusSearch },
  { keys: ["m"], chat: true, does: "Choose a model", act: () => openModels() },
  { keys: [","], chat: true, does: "Settings of this chat", act: openSettings },
  { keys: ["b"], does: "Open or close the sidebar", act: () => openSidebar(!isOpen()) },
  { keys: ["["], does: "Previous conversation", act: (app) => step(app, -1) },
  { keys: ["]"], does: "Next conversation", act: (app) => step(app, 1) },
  { keys: ["t"], does: "Light, dark, or as the system is", act: () => toast(`Appearance: ${nextTheme()}.`) },
  { keys: ["?"], does: "These keys", act: showKeys },
];

/** What the parts of the page do with keys themselves. */
const ELSEWHERE = /** @type {[string, string[]][]} */ ([
  ["Send the message", ["Enter"]],
  ["A new line in it", ["Shift", "Enter"]],
  ["Rename a conversation, in the list", ["F2"]],
  ["Go through the list", ["↑", "↓"]],
  ["Close what is open", ["Esc"]],
]);

export function singleKeys() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

/** Some use their voice, which types letters by the dozen. @param {boolean} on */
export function setSingleKeys(on) {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch { /* They stay on. */ }
}

/** @param {import("../types").App} app */
export function listenForShortcuts(app) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open], [popover]:popover-open")) return;
    const found = SHORTCUTS.find((shortcut) => fits(shortcut, event));
    if (!found || (found.chat && app.place.view) || (!found.mod && (isTyping(event.target) || !singleKeys()))) return;
    event.preventDefault();
    found.act(app);
  });
}

/**
 * @param {Shortcut} shortcut
 * @param {KeyboardEvent} event
 */
function fits({ keys, mod = false, shift }, event) {
  const modified = isApple ? event.metaKey : event.ctrlKey;
  if (event.altKey || (isApple ? event.ctrlKey : event.metaKey) || modified !== mod) return false;
  // Where `?` and `/` are depends on the keyboard: for them, only the character counts.
  if (mod && event.shiftKey !== (shift ?? false)) return false;
  return keys.includes(event.key.length === 1 ? event.key.toLowerCase() : event.key);
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button])"));
}

export function showKeys() {
  const row = (/** @type {string} */ does, /** @type {string[][]} */ ways) =>
    element("div", { class: "keys-row" },
      element("dt", {}, ...ways.flatMap((keys, index) => [index ? " or " : "", ...keys.map((key) => element("kbd", {}, key))])),
      element("dd", {}, does));
  /** @type {Map<string, string[][]>} */
  const named = new Map();
  for (const { keys, mod, shift, does } of SHORTCUTS) {
    const shown = [mod && (isApple ? "⌘" : "Ctrl"), shift && "Shift", ...keys.map((key) => key.toUpperCase())];
    named.set(does, [...(named.get(does) ?? []), shown.filter((key) => typeof key === "string")]);
  }
  for (const [does, keys] of ELSEWHERE) named.set(does, [keys]);
  openDialog("Keyboard", [
    element("dl", { class: "keys" }, ...[...named].map(([does, ways]) => row(does, ways))),
    singleKeys() ? null : element("p", { class: "hint" }, "Those of a single key are off: see Preferences."),
  ]);
}

/** @param {string} id */
function focus(id) {
  document.getElementById(id)?.focus();
}

function focusSearch() {
  openSidebar(true);
  focus("search");
}

/**
 * @param {import("../types").App} app
 * @param {1 | -1} by
 */
function step({ place }, by) {
  const links = [...document.querySelectorAll("#conversations .row")];
  const now = links.findIndex((row) => row instanceof HTMLElement && row.dataset.id === place.id);
  const next = links[now < 0 ? 0 : now + by];
  if (next instanceof HTMLElement && next.dataset.id) place.open(next.dataset.id);
}
