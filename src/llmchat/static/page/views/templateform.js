/** What a version of a template has: its prompt, its variables, its model and parameters. */

import { element } from "../dom.js";
import { iconButton } from "../shell/icons.js";
import { control } from "../shell/settings.js";
import { FIELDS } from "../shell/params.js";
import { field } from "./parts.js";

/** @typedef {import("./templates.js").Template} Template */

const MOST_CHARS = 65_536;
const MOST_VARIABLES = 32;
const VARIABLE = "[A-Za-z_][A-Za-z0-9_]{0,63}";
const USED = /(?<!\\)\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}/g;

/**
 * @param {Template | null} now What it begins with.
 * @param {{ id: string }} options Of several forms, which one.
 */
export function templateForm(now, { id }) {
  const prompt = element("textarea", { rows: 8, required: true, maxLength: MOST_CHARS, dir: "auto", class: "prompt", value: now?.system_prompt ?? "", placeholder: "You help users of {{product}}. Answer in {{language}}." });
  const description = element("input", { type: "text", maxLength: 512, value: now?.description ?? "", autocomplete: "off", placeholder: "What it is for" });
  const model = element("input", { type: "text", maxLength: 256, value: now?.model ?? "", autocomplete: "off", spellcheck: false, placeholder: "The caller’s" });
  const params = FIELDS.map((one) => control(one, now?.params[one.name], `${id}-param`));
  const rows = element("div", { class: "variables" });
  const hint = element("p", { class: "hint", role: "status" });

  /** @param {Partial<import("./templates.js").Variable>} [variable] */
  function addRow({ name = "", description: about = null, default: value = null } = {}) {
    if (rows.childElementCount >= MOST_VARIABLES) return;
    const named = element("input", { type: "text", required: true, pattern: VARIABLE, maxLength: 64, value: name, ariaLabel: "Variable", placeholder: "Name", spellcheck: false, autocomplete: "off", oninput: watch });
    const row = element("div", { class: "variable" }, named,
      element("input", { type: "text", maxLength: 512, value: about ?? "", ariaLabel: "About it", placeholder: "What it is", autocomplete: "off" }),
      element("input", { type: "text", maxLength: 16_384, value: value ?? "", ariaLabel: "Default", placeholder: "No default", autocomplete: "off" }),
      iconButton("close", "Remove the variable", () => { row.remove(); watch(); }));
    rows.append(row);
    return named;
  }

  const inputs = () => [...rows.children].map((row) => [...row.querySelectorAll("input")]);
  const missing = () => {
    const declared = new Set(inputs().map(([name]) => name.value));
    return [...new Set([...prompt.value.matchAll(USED)].map(([, name]) => name))].filter((name) => !declared.has(name));
  };

  function watch() {
    const names = missing();
    hint.replaceChildren(...(names.length ? [`The prompt uses ${names.map((name) => `{{${name}}}`).join(", ")}, and nothing below says what that is. `,
      element("button", { type: "button", class: "button small", onclick: () => { names.forEach((name) => addRow({ name })); watch(); } }, "Add")] : []));
  }

  for (const variable of now?.variables ?? []) addRow(variable);
  watch();
  prompt.addEventListener("input", watch);
  return {
    prompt,
    element: element("div", { class: "template-form" },
      field("System prompt", prompt, "{{name}} is where a variable’s value goes; \\{{ writes two braces."),
      hint,
      element("fieldset", { class: "group-of-fields" }, element("legend", {}, "Variables"), rows,
        element("div", { class: "actions" }, element("button", { type: "button", class: "button small", onclick: () => addRow()?.focus() }, "Add a variable"))),
      element("div", { class: "grid" }, field("What it is for", description), field("Model", model, "provider/name; whoever calls may choose another.")),
      element("details", { open: Object.keys(now?.params ?? {}).length > 0 }, element("summary", {}, "Parameters"), element("div", { class: "grid" }, ...params.map(({ element: row }) => row)))),
    /** As the API takes it; null: something is wrong, and has the focus. */
    read() {
      const wrong = params.find(({ check }) => !check());
      if (wrong) {
        const closed = wrong.input.closest("details");
        if (closed) closed.open = true;
        wrong.input.focus();
        return null;
      }
      const given = Object.fromEntries(params.map(({ name, value }) => [name, value()]).filter(([, value]) => value !== undefined));
      return {
        system_prompt: prompt.value,
        description: description.value.trim() || null,
        model: model.value.trim() || null,
        params: { ...now?.params, ...Object.fromEntries(FIELDS.map(({ name }) => [name, undefined])), ...given },
        variables: inputs().map(([name, about, value]) => ({ name: name.value, description: about.value.trim() || null, default: value.value || null })),
      };
    },
  };
}
