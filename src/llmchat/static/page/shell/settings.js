/** What a conversation is answered with: its system prompt and its parameters; and whom the model answers. */

import { byId, element } from "../dom.js";
import { beginning } from "./beginning.js";
import { openDialog, toast } from "./dialogs.js";
import { iconButton } from "./icons.js";
import { FIELDS, parse, show } from "./params.js";
import { tellTabs } from "./tabs.js";

const KEY = "llmchat.new";
const MOST_PROMPT_CHARS = 512 * 1024;
const ANSWERS = /** @type {const} */ ([["always", "Every message"], ["addressed", "Those with @model in them"]]);
const THINKING = /** @type {const} */ ([["", "As the server has it"], ["false", "Think"], ["true", "Skip thinking"]]);

let mark = () => {};

/** @typedef {{ system_prompt: string | null, params: Record<string, unknown>, reply_mode: "always" | "addressed" }} Settings */

/** @param {import("../types").App} app */
export function showSettings(app) {
  const { events, choices, conversation, place } = app;
  const button = iconButton("sliders", "Settings of this chat", () => void openSettings(app), { id: "settings", ariaHasPopup: "dialog" });
  byId("topbar", HTMLElement).append(element("span", { class: "spring" }), button);
  mark = () => {
    const { system_prompt, params, reply_mode } = settingsOf(app);
    button.classList.toggle("set", !!system_prompt || Object.keys(params).length > 0 || reply_mode === "addressed");
    button.disabled = place.id !== null && conversation.current?.role === "viewer";
  };
  events.on("place", mark);
  events.on("made", () => {
    forget();
    mark();
  });
  events.on("conversation", mark);

  const model = choices.draft;
  choices.draft = () => {
    const { system_prompt, params, reply_mode } = draft();
    return {
      ...model(),
      ...(system_prompt ? { system_prompt } : {}),
      ...(Object.keys(params).length ? { params } : {}),
      ...(reply_mode === "addressed" ? { reply_mode } : {}),
    };
  };
}

/** @param {import("../types").App} app @returns {Settings} */
function settingsOf({ place, conversation }) {
  if (place.id === null) return draft();
  const { system_prompt = null, params = {}, reply_mode = "always" } = conversation.current ?? {};
  return { system_prompt, params, reply_mode };
}

/** Of the conversation that does not exist yet; a reload does not lose it. @returns {Settings} */
function draft() {
  /** @type {Settings} */
  const none = { system_prompt: null, params: {}, reply_mode: "always" };
  try {
    return { ...none, ...JSON.parse(sessionStorage.getItem(KEY) ?? "{}") };
  } catch {
    return none;
  }
}

function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch { /* Nothing was kept. */ }
}

/** @param {import("../types").App} app */
export async function openSettings(app) {
  if (document.querySelector("dialog[open]")) return;
  const now = settingsOf(app);
  const isNew = app.place.id === null;
  const template = isNew ? beginning() : app.conversation.current?.template;
  // A conversation that is yet to be made has one or the other; the prompt waits until the template is left.
  const isTemplates = isNew && !!template;
  const prompt = element("textarea", {
    id: "system-prompt", rows: 5, dir: "auto", maxLength: MOST_PROMPT_CHARS, disabled: isTemplates,
    value: isTemplates ? "" : now.system_prompt ?? "", placeholder: isTemplates ? "" : "What every model in this conversation is told first",
  });
  const fields = FIELDS.map((field) => control(field, now.params[field.name]));
  const thinking = element("select", { id: "param-skip_thinking" }, ...THINKING.map(([value, label]) => element("option", { value }, label)));
  thinking.value = show(now.params.skip_thinking);
  const answers = element("select", { id: "reply-mode" }, ...ANSWERS.map(([value, label]) => element("option", { value }, label)));
  answers.value = now.reply_mode;
  const save = element("button", { type: "submit", class: "button main" }, "Save");
  const problem = element("p", { class: "problem", role: "alert" });
  const clear = () => {
    prompt.value = thinking.value = "";
    answers.value = "always";
    for (const { input } of fields) input.value = "";
    for (const { check } of fields) check();
  };
  const form = element("form", { class: "settings", method: "dialog", noValidate: true },
    element("label", { class: "field" }, element("span", {}, "System prompt"), prompt,
      template && element("span", { class: "hint" }, isNew ? `The template ${template.name} is the system prompt.` : `Began with the template ${template.name}.`)),
    element("label", { class: "field" }, element("span", {}, "The model answers"), answers,
      element("span", { class: "hint" }, "Of several people who talk, not everybody wants an answer every time.")),
    element("div", { class: "grid" }, ...fields.map(({ element: row }) => row),
      element("label", { class: "field" }, element("span", {}, "Thinking"), thinking, element("span", { class: "hint" }, "Of models that can do without."))),
    problem,
    element("div", { class: "dialog-actions" },
      element("button", { type: "button", class: "button plain", onclick: clear }, "Clear all"), element("span", { class: "spring" }),
      element("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"), save));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = fields.find(({ check }) => !check());
    if (wrong) return wrong.input.focus();
    const chosen = Object.fromEntries(fields.map(({ name, value }) => [name, value()]));
    const skip = thinking.value ? thinking.value === "true" : undefined;
    const params = withoutNothing({ ...now.params, ...chosen, skip_thinking: skip });
    save.disabled = true;
    try {
      await store(app, {
        system_prompt: isTemplates ? now.system_prompt : prompt.value.trim() ? prompt.value : null,
        params,
        reply_mode: answers.value === "addressed" ? "addressed" : "always",
      });
      dialog.close();
    } catch (error) {
      const { message, detail, errors } = /** @type {import("../api.js").Problem} */ (error);
      problem.textContent = errors?.length ? errors.map((one) => `${one.location.at(-1)}: ${one.message}`).join(". ") : [message, detail].filter(Boolean).join(". ");
    } finally {
      save.disabled = false;
    }
  });
  const dialog = openDialog("Settings of this chat", [form], { kind: "wide" });
  prompt.focus();
}

/** @param {Record<string, unknown>} params */
function withoutNothing(params) {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined && value !== null));
}

/**
 * @param {import("../types").App} app
 * @param {Settings} settings
 */
async function store({ api, events, place }, settings) {
  if (place.id === null) {
    sessionStorage.setItem(KEY, JSON.stringify(settings));
    mark();
    return;
  }
  const id = place.id;
  events.tell("conversation", await api.patch(`/api/conversations/${id}`, settings));
  tellTabs({ kind: "changed", id });
  toast("Saved. It holds from the next answer on.");
}

/**
 * A parameter with its name, its bounds and what holds when it is empty.
 *
 * @param {import("./params.js").Field} field
 * @param {unknown} value
 * @param {string} [prefix] Of its id.
 */
export function control(field, value, prefix = "param") {
  const id = `${prefix}-${field.name}`;
  const common = { id, value: show(value), placeholder: field.kind === "lines" ? "None" : "As the server has it", "aria-describedby": `${id}-hint ${id}-problem` };
  const input = field.kind === "lines"
    ? element("textarea", { ...common, rows: 2, dir: "auto" })
    : element("input", { ...common, type: "text", inputMode: field.least === 0 ? "decimal" : "numeric", autocomplete: "off" });
  const problem = element("span", { id: `${id}-problem`, class: "problem", role: "alert" });
  const check = () => {
    const found = parse(field, input.value);
    problem.textContent = "problem" in found ? found.problem : "";
    input.ariaInvalid = String("problem" in found);
    return !("problem" in found);
  };
  input.addEventListener("change", check);
  input.addEventListener("input", () => { if (problem.textContent) check(); });
  const found = () => parse(field, input.value);
  return {
    name: field.name,
    input,
    check,
    value: () => { const now = found(); return "value" in now ? now.value : undefined; },
    element: element("div", { class: "field" },
      element("label", { htmlFor: id }, field.label), input,
      element("span", { id: `${id}-hint`, class: "hint" }, field.hint), problem),
  };
}
