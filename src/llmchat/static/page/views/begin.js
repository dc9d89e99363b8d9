/** A new experiment: which template, which versions of it against each other, and how much is wanted. */

import { element } from "../dom.js";
import { openDialog, toast, toastProblem } from "../shell/dialogs.js";
import { iconButton } from "../shell/icons.js";
import { field, problem } from "./parts.js";
import { NAME } from "./templates.js";

/** @typedef {import("./templates.js").Summary} Summary */

const FEWEST = 2;
const MOST = 8;

/** @param {import("../types").App} app */
export async function beginExperiment(app) {
  /** @type {{ items: Summary[] } | void} */
  const found = await app.api.get("/api/templates").catch(toastProblem);
  if (!found) return;
  if (!found.items.length) return toast("Make a template first: an experiment compares its versions.");
  const named = () => element("input", { type: "text", required: true, pattern: NAME, maxLength: 64, autocomplete: "off", spellcheck: false });
  const name = named(), rows = element("div", { class: "variables" }), wrong = element("div", {});
  name.placeholder = "warm-or-plain";
  const description = element("input", { type: "text", maxLength: 512, autocomplete: "off", placeholder: "What you want to know" });
  const template = element("select", { onchange: () => void choose() }, ...found.items.map((one) => element("option", { value: one.name }, one.name)));
  template.value = (found.items.find(({ latest_version }) => latest_version > 1) ?? found.items[0]).name;
  const wanted = element("input", { type: "number", min: "30", max: "1000000", required: true, value: "100" });
  const submit = element("button", { type: "submit", class: "button main" }, "Make it");
  /** @type {Summary[]} */
  let versions = [];

  async function choose() {
    const { items } = await app.api.get(`/api/templates/${template.value}/versions`).catch(() => ({ items: [] }));
    versions = items;
    rows.replaceChildren();
    for (let index = 0; index < FEWEST; index += 1) add();
  }

  function add() {
    const at = rows.childElementCount;
    if (at >= MOST) return;
    const variant = named();
    Object.assign(variant, { ariaLabel: "Variant", placeholder: "Its name", value: ["plain", "changed"][at] ?? "" });
    const version = element("select", { ariaLabel: "Version" }, ...versions.map((one) => element("option", { value: String(one.version) }, `Version ${one.version}`)));
    // The newest against the one before it.
    version.selectedIndex = Math.max(0, Math.min(versions.length - 1, 1 - at));
    const weight = element("input", { type: "number", min: "0", max: "1000", step: "any", required: true, value: "1", ariaLabel: "Weight" });
    const row = element("div", { class: "variable variant" }, variant, version, weight,
      iconButton("close", "Remove the variant", () => { if (rows.childElementCount > FEWEST) row.remove(); }));
    rows.append(row);
  }

  const read = () => [...rows.children].map((row) => {
    const [variant, weight] = row.querySelectorAll("input");
    return { name: variant.value, version: Number(row.querySelector("select")?.value), weight: Number(weight.value) };
  });
  const form = element("form", { method: "dialog" },
    element("div", { class: "grid" }, field("Name", name), field("Template", template)),
    field("What for", description),
    element("fieldset", { class: "group-of-fields" }, element("legend", {}, "Variants, and how many of the conversations each one gets"),
      element("div", { class: "variable variant names", "aria-hidden": "true" }, ...["Name", "Version", "Weight"].map((text) => element("span", {}, text))), rows,
      element("p", { class: "hint" }, "The first is what the others are compared with."),
      element("div", { class: "actions" }, element("button", { type: "button", class: "button small", onclick: add }, "Add a variant"))),
    field("Rated conversations that each variant is to have", wanted, "Before it has so many, there is no verdict. To see a difference of 10 points takes about 400."),
    wrong,
    element("div", { class: "dialog-actions" }, element("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"), submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const body = { name: name.value, description: description.value.trim() || null, template: template.value, variants: read(), wanted: Number(wanted.value) };
      const made = await app.api.post("/api/experiments", body);
      dialog.close();
      app.place.show(`#/experiments/${made.name}`);
    } catch (error) {
      wrong.replaceChildren(problem(error));
    } finally {
      submit.disabled = false;
    }
  });
  const dialog = openDialog("A new experiment", [form], { kind: "wide" });
  name.focus();
  await choose();
}
