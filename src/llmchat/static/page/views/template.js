/** One template: its prompt, what comes out with values for its variables, and its versions. */

import { element } from "../dom.js";
import { beginWith } from "../shell/beginning.js";
import { confirmed, toast, toastProblem } from "../shell/dialogs.js";
import { compared } from "./comparing.js";
import { ago, momentName } from "./format.js";
import { badge, field, fill, head, part, problem } from "./parts.js";
import { templateForm } from "./templateform.js";
import { mayChange } from "./templates.js";

/** @typedef {import("./templates.js").Template} Template */
/** @typedef {import("./templates.js").Summary} Summary */

/**
 * @param {import("../types").App} app
 * @param {string} name
 * @param {URLSearchParams} query
 * @param {AbortSignal} left
 */
export function showTemplate(app, name, query, left) {
  const path = `/api/templates/${encodeURIComponent(name)}`;
  const body = element("div", { class: "view" }, element("h1", {}, name));
  const wanted = Number(query.get("version")) || null;

  const load = () => fill(body, left, async () => {
    const [template, versions, may] = await Promise.all([
      app.api.get(wanted ? `${path}?version=${wanted}` : path, { signal: left }),
      app.api.get(`${path}/versions`, { signal: left }),
      mayChange(app, left),
    ]);
    return [
      top(app, path, template, versions.items, may),
      may ? editor(app, path, template, left) : part("Prompt", element("div", { class: "prompt-text", dir: "auto" }, template.system_prompt)),
      trial(app, path, template),
      versions.items.length > 1 && history(app, path, template, versions.items, left),
    ];
  });
  void load();
  return body;
}

/** @param {import("../types").App} app @param {string} path @param {Template} template @param {Summary[]} versions @param {boolean} may */
function top(app, path, template, versions, may) {
  const { name, version, latest_version, description, created_at, created_by, archived } = template;
  const go = (/** @type {string} */ chosen) => app.place.show(`#/templates/${name}${Number(chosen) === latest_version ? "" : `?version=${chosen}`}`);
  const select = element("select", { class: "plain", ariaLabel: "Version", onchange: () => go(select.value) },
    ...versions.map((one) => element("option", { value: String(one.version), selected: one.version === version }, `Version ${one.version}, ${ago(one.created_at)}`)));
  async function archive() {
    const text = "Nothing new can use it. Conversations that do keep what they were given, and a new version brings it back.";
    if (!(await confirmed({ title: `Archive ${name}?`, text, action: "Archive" }))) return;
    try {
      await app.api.delete(path);
      toast("Archived.");
      app.place.show("#/templates");
    } catch (error) {
      toastProblem(error);
    }
  }
  return head(name, [description, `Version ${version} of ${latest_version}, by ${created_by}, ${momentName(created_at)}.`].filter(Boolean).join(" · "),
    element("a", { class: "button small", href: "#/templates" }, "All templates"), select,
    archived && badge("archived", "quiet"),
    // What begins uses the newest one.
    !archived && version === latest_version && element("button", { type: "button", class: "button main small", onclick: () => beginWith(app, [template]) }, "Begin a chat"),
    may && !archived && element("button", { type: "button", class: "button small", onclick: () => void archive() }, "Archive"));
}

/** @param {import("../types").App} app @param {string} path @param {Template} template @param {AbortSignal} left */
function editor({ api, place }, path, template, left) {
  const { name, version, latest_version } = template;
  const form = templateForm(template, { id: "edit" });
  const wrong = element("div", {}), changes = element("div", {});
  const submit = element("button", { type: "submit", class: "button main" }, `Save as version ${latest_version + 1}`);
  const all = element("form", { class: "template-editor", method: "dialog" }, form.element, changes, wrong, element("div", { class: "actions" }, submit,
    version !== latest_version && element("span", { class: "hint" }, `This is the older version ${version}: saving it makes it the newest.`)));
  form.prompt.addEventListener("input", () => {
    const changed = form.prompt.value !== template.system_prompt;
    changes.replaceChildren(...(changed ? [element("h3", {}, `What changes from version ${version}`), compared(template.system_prompt, form.prompt.value)] : []));
  });
  all.addEventListener("submit", async (event) => {
    event.preventDefault();
    const content = form.read();
    if (!content) return;
    submit.disabled = true;
    try {
      const saved = await api.put(path, { ...content, based_on: latest_version });
      if (left.aborted) return;
      toast(saved.version === latest_version ? "Nothing has changed." : `Saved as version ${saved.version}. What begins from now on uses it.`);
      // The same address, shown anew.
      place.note("#/templates");
      place.show(`#/templates/${name}`);
    } catch (error) {
      wrong.replaceChildren(problem(error));
    } finally {
      submit.disabled = false;
    }
  });
  return part("Prompt", all);
}

/** @param {import("../types").App} app @param {string} path @param {Template} template */
function trial({ api }, path, { version, variables }) {
  const inputs = variables.map(({ name, description, default: value }) => ({
    name, input: element("textarea", { rows: 1, dir: "auto", maxLength: 16_384, placeholder: value ?? "Has to be given" }), about: description,
  }));
  const out = element("div", { role: "status" });
  const form = element("form", { class: "trial", method: "dialog" },
    element("div", { class: "grid" }, ...inputs.map(({ name, input, about }) => field(name, input, about ?? undefined))),
    element("div", { class: "actions" }, element("button", { type: "submit", class: "button small" }, "Show what comes out"), element("span", { class: "hint" }, `Of version ${version}, as it is stored.`)),
    out);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(inputs.filter(({ input }) => input.value).map(({ name, input }) => [name, input.value]));
    try {
      const made = await api.post(`${path}/render`, { version, variables: given });
      const params = Object.entries(made.params ?? {}).map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ");
      out.replaceChildren(element("div", { class: "prompt-text", dir: "auto" }, made.system_prompt),
        element("p", { class: "hint" }, `Answered by ${made.model ?? "the caller’s model"}${params ? `, with ${params}` : ""}.`));
    } catch (error) {
      out.replaceChildren(problem(error));
    }
  });
  return part("Try it", form);
}

/** @param {import("../types").App} app @param {string} path @param {Template} template @param {Summary[]} versions @param {AbortSignal} left */
function history({ api }, path, { version }, versions, left) {
  const out = element("div", { class: "part" });
  const options = () => versions.map((one) => element("option", { value: String(one.version) }, `Version ${one.version}, by ${one.created_by}, ${ago(one.created_at)}`));
  const from = element("select", { class: "plain", ariaLabel: "Before", onchange: () => void look() }, ...options());
  const to = element("select", { class: "plain", ariaLabel: "After", onchange: () => void look() }, ...options());
  const at = versions.findIndex((one) => one.version === version);
  to.value = String(version);
  from.value = String((versions[at + 1] ?? versions[at - 1]).version);
  const look = () => fill(out, left, async () => {
    /** @type {Template[]} */
    const [before, after] = await Promise.all([from, to].map(({ value }) => api.get(`${path}?version=${value}`, { signal: left })));
    return [compared(before.system_prompt, after.system_prompt), ...others(before, after)];
  });
  void look();
  return part("What has changed", element("div", { class: "actions" }, from, element("span", {}, "→"), to), out);
}

/** What else is another: a line for each. @param {Template} before @param {Template} after */
function others(before, after) {
  const said = (/** @type {unknown} */ value) => (value === null || value === undefined || value === "" ? "nothing" : typeof value === "string" ? value : JSON.stringify(value));
  const names = (/** @type {Template} */ { variables }) => variables.map(({ name, default: value }) => (value === null ? name : `${name} (${value})`)).join(", ");
  const lines = /** @type {[string, unknown, unknown][]} */ ([
    ["Model", before.model, after.model], ["Parameters", before.params, after.params], ["Variables", names(before), names(after)], ["What it is for", before.description, after.description],
  ]).filter(([, one, other]) => said(one) !== said(other));
  return lines.map(([name, one, other]) => element("p", { class: "changed" }, `${name}: `, element("del", {}, said(one)), " → ", element("ins", {}, said(other))));
}
