/** Light, dark, or as the system is. The choice is kept in this browser; first-paint.js reads it too. */

import { element } from "../dom.js";

const KEY = "llmchat.theme";
const CHOICES = /** @type {const} */ (["system", "light", "dark"]);
/** @typedef {typeof CHOICES[number]} Choice */

/** @returns {Choice} */
export function chosenTheme() {
  const now = document.documentElement.dataset.theme;
  return CHOICES.find((choice) => choice === now) ?? "system";
}

/** @param {Choice} choice */
export function chooseTheme(choice) {
  try {
    localStorage.setItem(KEY, choice);
  } catch { /* Without storage it holds until the page is left. */ }
  apply(choice);
}

/** The next of the three. */
export function nextTheme() {
  const next = CHOICES[(CHOICES.indexOf(chosenTheme()) + 1) % CHOICES.length];
  chooseTheme(next);
  return next;
}

/** The three, as one group to choose from. */
export function themeChoice() {
  const choices = CHOICES.map((choice) => {
    const onchange = () => chooseTheme(choice);
    const radio = element("input", { type: "radio", name: "theme", value: choice, checked: choice === chosenTheme(), onchange });
    return element("label", { class: "segment" }, radio, element("span", {}, choice[0].toUpperCase() + choice.slice(1)));
  });
  return element("fieldset", { class: "segments" }, element("legend", {}, "Appearance"), ...choices);
}

/** @param {string | null} choice */
function apply(choice) {
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
  else delete document.documentElement.dataset.theme;
}

/** @param {import("../types").App} _app */
export function showTheme(_app) {
  addEventListener("storage", ({ key, newValue }) => { if (key === KEY) apply(newValue); });
}
