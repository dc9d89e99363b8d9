/** What a new conversation begins with: a template of the server's, and values for its variables. */

import { byId, element } from "../dom.js";
import { openDialog } from "./dialogs.js";
import { iconButton } from "./icons.js";
import { newChat } from "./newchat.js";

const KEY = "llmchat.template";
const MOST_VALUE_CHARS = 16_384;
const SHOWN_CHARS = 60;

/** @typedef {import("../types").Beginning} Beginning */
/** @typedef {{ name: string, description: string | null, default: string | null }} Variable */
/** @typedef {{ name: string, description: string | null, model: string | null, variables: Variable[] }} Template */

/** @type {Beginning | null} */
let chosen = restored();

/** What the conversation that does not exist yet begins with. */
export const beginning = () => chosen;

/** @param {import("../types").App} app */
export function showBeginning(app) {
  const { api, choices, events, place } = app;
  /** @type {Template[]} */
  let templates = [];
  let isSignedIn = false;
  const begin = element("button", { type: "button", class: "button", ariaHasPopup: "dialog", onclick: () => beginWith(app, templates) }, "Begin with a template");
  const name = element("strong", {}), values = element("span", { class: "hint", dir: "auto" });
  const change = element("button", { type: "button", class: "button small", ariaHasPopup: "dialog", onclick: () => beginWith(app, templates) }, "Change");
  const leave = iconButton("close", "Begin without the template", () => { choose(app, null); (begin.hidden ? byId("question", HTMLElement) : begin).focus(); });
  const line = element("div", { class: "begins" }, element("span", {}, "Begins with the template ", name), values, element("div", { class: "field-row" }, change, leave));
  byId("welcome", HTMLElement).append(element("div", { id: "beginning" }, begin, line));

  function show() {
    const isNew = place.id === null;
    begin.hidden = !isNew || !!chosen || !templates.length;
    line.hidden = !isNew || !chosen;
    change.hidden = templates.every(({ name: other, variables }) => other === chosen?.name && !variables.length);
    name.textContent = chosen?.name ?? "";
    values.textContent = Object.entries(chosen?.variables ?? {}).map(([variable, value]) => `${variable}: ${shortened(value)}`).join(" · ");
  }

  async function look() {
    if (!isSignedIn || place.id !== null) return;
    const found = await api.get("/api/templates").catch(() => null);
    if (!found) return;
    templates = found.items;
    // Archived since it was chosen.
    if (chosen && !templates.some((one) => one.name === chosen?.name)) choose(app, null);
    show();
  }

  events.on("me", () => { isSignedIn = true; void look(); });
  events.on("place", () => { show(); void look(); });
  events.on("view", (view) => { if (!view) void look(); });
  events.on("template", show);
  events.on("made", () => choose(app, null));

  const draft = choices.draft;
  choices.draft = () => {
    if (!chosen) return draft();
    // The template is the system prompt.
    const { system_prompt, ...rest } = draft();
    return { ...rest, template: { name: chosen.name, variables: chosen.variables } };
  };
  events.tell("template", chosen);
}

/** Who answers instead of the template's model, where there is a template. @param {string} model */
export function pick(model) {
  if (chosen) keep({ ...chosen, picked: model });
}

/** @param {import("../types").App} app @param {Beginning | null} next */
function choose({ events }, next) {
  keep(next);
  events.tell("template", next);
}

/** @param {Beginning | null} next */
function keep(next) {
  chosen = next;
  try {
    if (next) sessionStorage.setItem(KEY, JSON.stringify(next));
    else sessionStorage.removeItem(KEY);
  } catch { /* Then a reload forgets it. */ }
}

/** A reload does not lose it. @returns {Beginning | null} */
function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}

/**
 * Asks which template, where there are several, and for what it leaves open; then there is a new chat.
 *
 * @param {import("../types").App} app
 * @param {Template[]} templates One at least.
 */
export function beginWith(app, templates) {
  const [first] = templates;
  const take = (/** @type {Template} */ { name, model }, /** @type {Record<string, string>} */ variables) => {
    choose(app, { name, model, picked: chosen?.name === name ? chosen.picked : null, variables });
    newChat(app);
  };
  if (templates.length === 1 && !first.variables.length) return take(first, {});
  const found = () => templates.find(({ name }) => name === select.value) ?? first;
  const select = element("select", { onchange: () => fill() }, ...templates.map(({ name }) => element("option", { value: name }, name)));
  if (chosen && templates.some(({ name }) => name === chosen?.name)) select.value = chosen.name;
  const about = element("p", { class: "hint", role: "status" }), gaps = element("div", { class: "gaps" });
  /** @type {ReturnType<typeof gapOf>[]} */
  let open = [];

  function fill() {
    const { name, description, variables } = found();
    about.textContent = description ?? "";
    const before = chosen?.name === name ? chosen.variables : {};
    open = variables.map((variable) => gapOf(variable, before[variable.name]));
    gaps.replaceChildren(...open.map(({ element: row }) => row));
  }

  const form = element("form", { class: "settings", method: "dialog" },
    templates.length > 1 && element("label", { class: "field" }, element("span", {}, "Template"), select), about, gaps,
    element("div", { class: "dialog-actions" },
      element("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"),
      element("button", { type: "submit", class: "button main" }, "Begin with it")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close();
    take(found(), Object.fromEntries(open.flatMap(({ given }) => given())));
  });
  fill();
  const dialog = openDialog(templates.length > 1 ? "Begin with a template" : `Begin with ${first.name}`, [form], { kind: "wide" });
  (templates.length > 1 ? select : open[0].input).focus();
}

/**
 * A field for a variable. What is left as it was is the template's own.
 *
 * @param {Variable} variable
 * @param {string | undefined} before
 */
function gapOf({ name, description, default: value }, before) {
  const id = `gap-${name}`, isRequired = value === null;
  const input = element("textarea", {
    id, rows: 1, dir: "auto", maxLength: MOST_VALUE_CHARS, required: isRequired, value: before ?? value ?? "",
    ...(description ? { "aria-describedby": `${id}-hint` } : {}),
  });
  return {
    input,
    given: () => (input.value === value ? [] : [[name, input.value]]),
    element: element("div", { class: "field" },
      element("label", { htmlFor: id }, name, isRequired && element("span", { class: "hint" }, " (required)")), input,
      description && element("span", { id: `${id}-hint`, class: "hint" }, description)),
  };
}

/** @param {string} value */
const shortened = (value) => ([...value].length > SHOWN_CHARS ? `${[...value].slice(0, SHOWN_CHARS).join("")}…` : value);
