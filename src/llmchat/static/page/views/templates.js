/** Prompt templates: all of them, and a way to one. */

import { element } from "../dom.js";
import { beginWith } from "../shell/beginning.js";
import { openDialog } from "../shell/dialogs.js";
import { ago } from "./format.js";
import { badge, field, fill, head, problem, table } from "./parts.js";
import { showTemplate } from "./template.js";
import { templateForm } from "./templateform.js";

/** @typedef {{ name: string, description: string | null, default: string | null }} Variable */
/**
 * @typedef {object} Summary
 * @property {string} name
 * @property {number} version
 * @property {number} latest_version
 * @property {string | null} description
 * @property {string | null} model
 * @property {Variable[]} variables
 * @property {boolean} archived
 * @property {string} created_at
 * @property {string} created_by
 * @typedef {Summary & { system_prompt: string, params: Record<string, unknown> }} Template
 */

export const NAME = "[a-z0-9][a-z0-9._\\-]{0,63}";

/** @param {import("../types").App} app @param {import("../types").View} view @param {AbortSignal} left */
export function show(app, view, left) {
  return view.of === null ? showAll(app, left) : showTemplate(app, view.of, view.query, left);
}

/** @param {import("../types").App} app @param {AbortSignal} left */
function showAll(app, left) {
  const place = element("div", {}), create = element("span", {});
  const archived = element("input", { type: "checkbox", onchange: () => void list() });

  const list = () => fill(place, left, async () => {
    /** @type {{ items: Summary[] }} */
    const { items } = await app.api.get(`/api/templates?archived=${archived.checked ? "all" : "false"}`, { signal: left });
    if (!items.length) return [element("p", { class: "nothing-here" }, "There are no templates yet. One is a system prompt with a name, which conversations and calls can use, and which changes in one place.")];
    return [table("Templates", [{ name: "Name" }, { name: "For" }, { name: "Variables" }, { name: "Model", minor: true }, { name: "Version", number: true }, { name: "Changed" }, { name: "Begin a chat", unseen: true }], items.map((one) => row(app, one)), { cards: true })];
  });

  void list();
  void mayChange(app, left).then((may) => {
    if (may) create.replaceChildren(element("button", { type: "button", class: "button main small", ariaHasPopup: "dialog", onclick: () => begin(app) }, "New template"));
  });
  return element("div", { class: "view" },
    head("Templates", "System prompts with names and versions, for everybody’s conversations and calls.", create, element("label", { class: "check" }, archived, "Show archived ones")),
    place);
}

/** Changing them takes the scope `admin`. @param {import("../types").App} app @param {AbortSignal} left */
export const mayChange = ({ api }, left) => api.get("/api/me", { signal: left }).then(({ scopes }) => scopes.includes("admin"), () => false);

/** @param {import("../types").App} app @param {Summary} template */
function row(app, template) {
  const { name, description, variables, model, version, archived, created_at, created_by } = template;
  return [
    element("a", { href: `#/templates/${name}` }, name, archived && badge("archived", "quiet")),
    description ?? "–",
    variables.length ? variables.map(({ name: variable }) => variable).join(", ") : "none",
    model ?? "the caller’s", String(version),
    element("span", {}, ago(created_at), element("span", { class: "under" }, `by ${created_by}`)),
    !archived && element("button", { type: "button", class: "button small", ariaLabel: `Begin a chat with ${name}`, onclick: () => beginWith(app, [template]) }, "Begin a chat"),
  ];
}

/** @param {import("../types").App} app */
function begin(app) {
  const name = element("input", { type: "text", required: true, pattern: NAME, maxLength: 64, autocomplete: "off", spellcheck: false, placeholder: "support" });
  const wrong = element("div", {});
  const form = templateForm(null, { id: "new" });
  const submit = element("button", { type: "submit", class: "button main" }, "Make it");
  const all = element("form", { method: "dialog" },
    field("Name", name, "Small letters, digits, and . _ - between them. It stays the same in all versions."),
    form.element, wrong,
    element("div", { class: "dialog-actions" }, element("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"), submit));
  all.addEventListener("submit", async (event) => {
    event.preventDefault();
    const content = form.read();
    if (!content) return;
    submit.disabled = true;
    try {
      const made = await app.api.post("/api/templates", { name: name.value, ...content });
      dialog.close();
      app.place.show(`#/templates/${made.name}`);
    } catch (error) {
      wrong.replaceChildren(problem(error));
    } finally {
      submit.disabled = false;
    }
  });
  const dialog = openDialog("A new template", [all], { kind: "wide" });
  name.focus();
}
