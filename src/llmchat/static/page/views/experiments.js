/** Experiments: all of them, and a way to one. */

import { element } from "../dom.js";
import { beginExperiment } from "./begin.js";
import { showExperiment } from "./experiment.js";
import { ago } from "./format.js";
import { badge, fill, head, table } from "./parts.js";

/** @typedef {{ name: string, template: string, version: number, weight: number }} Variant */
/**
 * @typedef {object} Experiment
 * @property {string} name
 * @property {string | null} description
 * @property {string} template
 * @property {"draft" | "running" | "stopped"} status
 * @property {number} wanted
 * @property {Variant[]} variants
 * @property {string} created_at
 * @property {string} created_by
 * @property {string | null} started_at
 * @property {string | null} stopped_at
 */

const LOOKS = /** @type {const} */ ({ draft: "quiet", running: "good", stopped: "quiet" });

/** @param {import("../types").App} app @param {import("../types").View} view @param {AbortSignal} left */
export function show(app, view, left) {
  if (view.of !== null) return showExperiment(app, view.of, left);
  const place = element("div", {});
  void fill(place, left, async () => {
    /** @type {{ items: Experiment[] }} */
    const { items } = await app.api.get("/api/experiments", { signal: left });
    if (!items.length) return [element("p", { class: "nothing-here" }, "There are no experiments yet. One gives conversations that use a template one of several versions of it, and compares what comes of them.")];
    return [table("Experiments", [{ name: "Name" }, { name: "Template" }, { name: "Variants" }, { name: "State" }, { name: "Since" }], items.map(row), { cards: true })];
  });
  return element("div", { class: "view" },
    head("Experiments", "Which version of a prompt is better: each conversation that uses the template gets one of the variants, and keeps it.",
      element("button", { type: "button", class: "button main small", ariaHasPopup: "dialog", onclick: () => void beginExperiment(app) }, "New experiment")),
    place);
}

/** @param {Experiment} experiment */
export const stateOf = ({ status }) => badge({ draft: "Not started", running: "Running", stopped: "Stopped" }[status], LOOKS[status]);

/** @param {Experiment} experiment */
function row(experiment) {
  const { name, description, template, variants, created_at, started_at, stopped_at } = experiment;
  return [
    element("span", {}, element("a", { href: `#/experiments/${name}` }, name), description && element("span", { class: "under" }, description)),
    element("a", { href: `#/templates/${template}` }, template),
    variants.map((variant) => variant.name).join(", "),
    stateOf(experiment),
    ago(stopped_at ?? started_at ?? created_at),
  ];
}
