/** One experiment: what came of it, with how sure that is; its variants; its start and its end. */

import { element } from "../dom.js";
import { confirmed, openDialog, toast, toastProblem } from "../shell/dialogs.js";
import { stateOf } from "./experiments.js";
import { count, momentName } from "./format.js";
import { ESTIMATORS, TITLES } from "./metrics.js";
import { badge, field, fill, head, part, problem, table } from "./parts.js";
import { whiskers } from "./whiskers.js";

/** @typedef {import("./experiments.js").Experiment} Experiment */
/** @typedef {import("./metrics.js").Unit} Unit */
/** @typedef {{ metric: string, unit: Unit, estimator: string, count: number, value: number | null, low: number | null, high: number | null }} Measured */
/** @typedef {{ metric: string, primary: boolean, enough: boolean, outcome: "unknown" | "better" | "worse" | "no_difference", verdict: string }} Compared */
/**
 * @typedef {object} Results
 * @property {Experiment} experiment
 * @property {number} confidence
 * @property {boolean} enough
 * @property {string} verdict
 * @property {string[]} notes
 * @property {(import("./experiments.js").Variant & { conversations: number, generations: Record<string, number>, rated: number, positive: number, metrics: Measured[] })[]} variants
 * @property {{ variant: string, against: string, metrics: Compared[] }[]} comparisons
 */

/** The verdict says the same in words. */
const LOOKS = /** @type {const} */ ({ unknown: "warn", better: "good", worse: "bad", no_difference: "quiet" });

/** @param {import("../types").App} app @param {string} name @param {AbortSignal} left */
export function showExperiment(app, name, left) {
  const path = `/api/experiments/${encodeURIComponent(name)}`;
  const body = element("div", { class: "view" }, element("h1", {}, name));
  const load = () => fill(body, left, async () => {
    /** @type {Results} */
    const results = await app.api.get(`${path}/results`, { signal: left });
    return [top(app, path, results.experiment, load), said(results), figures(results), variants(app, path, results, load)];
  });
  void load();
  return body;
}

/** @param {import("../types").App} app @param {string} path @param {Experiment} experiment @param {() => Promise<void>} load */
function top({ api, place }, path, experiment, load) {
  const { name, description, template, status, started_at, stopped_at, created_by } = experiment;
  /** @param {() => Promise<unknown>} work @param {string} done */
  async function attempt(work, done) {
    try {
      await work();
      toast(done);
    } catch (error) {
      toastProblem(error);
    }
    await load();
  }
  const start = () => attempt(() => api.post(`${path}/start`), `Every new conversation that uses ${template} takes part now.`);
  async function stop() {
    const text = `New conversations get the newest version of ${template} again, and those that took part keep theirs. It cannot be started again.`;
    if (await confirmed({ title: `Stop ${name}?`, text, action: "Stop it for good", dangerous: true })) await attempt(() => api.post(`${path}/stop`), "Stopped. Its results stay.");
  }
  async function remove() {
    if (!(await confirmed({ title: `Delete ${name}?`, text: "It never ran, so nothing is lost but its plan.", action: "Delete", dangerous: true }))) return;
    await api.delete(path).then(() => place.show("#/experiments"), toastProblem);
  }
  const times = [`by ${created_by}`, started_at && `started ${momentName(started_at)}`, stopped_at && `stopped ${momentName(stopped_at)}`].filter(Boolean).join(", ");
  return head(name, [description, `On the template ${template}, ${times}.`].filter(Boolean).join(" · "),
    element("a", { class: "button small", href: "#/experiments" }, "All experiments"), stateOf(experiment),
    status === "draft" && element("button", { type: "button", class: "button main small", onclick: () => void start() }, "Start it"),
    status === "draft" && element("button", { type: "button", class: "button small", onclick: () => void remove() }, "Delete"),
    status === "running" && element("button", { type: "button", class: "button small", onclick: () => void load() }, "Look again"),
    status === "running" && element("button", { type: "button", class: "button bad small", onclick: () => void stop() }, "Stop it"));
}

/** @param {Results} results */
function said({ enough, verdict, notes }) {
  return part("What came of it", element("div", { class: enough ? "verdict enough" : "verdict" },
    element("strong", {}, verdict),
    notes.length > 0 && element("ul", {}, ...notes.map((note) => element("li", {}, note)))));
}

/** @param {Results} results */
function figures({ variants: found, comparisons, confidence }) {
  const metrics = found[0]?.metrics ?? [];
  const title = (/** @type {Measured} */ { metric, estimator }) => [TITLES[metric] ?? metric, estimator in ESTIMATORS && ESTIMATORS[estimator]].filter(Boolean).join(", ");
  return part("In numbers",
    element("p", { class: "hint" }, `A dot is what was seen; the whiskers are where it lies with a confidence of ${Math.round(confidence * 100)} %.`),
    element("div", { class: "charts" }, ...metrics.map((metric, index) => whiskers({
      title: title(metric),
      about: index ? "" : "What was to be decided by",
      unit: metric.unit,
      primary: index === 0,
      rows: found.map(({ name, metrics: its }) => ({ name, ...its[index] })),
    }, ...comparisons.map(({ variant, metrics: its }) => outcome(variant, its.find((one) => one.metric === metric.metric)))))));
}

/** @param {string} variant @param {Compared | undefined} compared */
function outcome(variant, compared) {
  if (!compared) return false;
  return element("p", { class: "outcome" }, badge(variant, LOOKS[compared.enough ? compared.outcome : "unknown"]), compared.verdict);
}

/** @param {import("../types").App} app @param {string} path @param {Results} results @param {() => Promise<void>} load */
function variants(app, path, { variants: found, experiment }, load) {
  const sum = found.reduce((all, { weight }) => all + weight, 0) || 1;
  return part("Variants", table("Variants", [
    { name: "Variant" }, { name: "Prompt" }, { name: "Gets", number: true }, { name: "Conversations", number: true }, { name: "Answers", number: true }, { name: "Failed", number: true }, { name: "Ratings", number: true },
  ], found.map(({ name, template, version, weight, conversations, generations, rated, positive }) => [
    name, element("a", { href: `#/templates/${template}?version=${version}` }, `${template}, version ${version}`), `${Math.round((100 * weight) / sum)} %`,
    count(conversations), count(generations.complete + generations.stopped), count(generations.failed + generations.interrupted), rated ? `${count(positive)} of ${count(rated)} good` : "none",
  ]), { cards: true }),
  experiment.status !== "stopped" && element("div", { class: "actions" }, element("button", { type: "button", class: "button small", ariaHasPopup: "dialog", onclick: () => weigh(app, path, experiment, load) }, "Change the weights")));
}

/** @param {import("../types").App} app @param {string} path @param {Experiment} experiment @param {() => Promise<void>} load */
function weigh({ api }, path, experiment, load) {
  const inputs = experiment.variants.map(({ name, weight }) => ({ name, input: element("input", { type: "number", min: "0", max: "1000", step: "any", required: true, value: String(weight) }) }));
  const wrong = element("div", {});
  const form = element("form", { method: "dialog" },
    element("p", { class: "hint" }, "Of new conversations. Those that took part stay where they are."),
    ...inputs.map(({ name, input }) => field(name, input)), wrong,
    element("div", { class: "dialog-actions" }, element("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"), element("button", { type: "submit", class: "button main" }, "Save")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await api.patch(path, { weights: Object.fromEntries(inputs.map(({ name, input }) => [name, Number(input.value)])) });
      dialog.close();
      await load();
    } catch (error) {
      wrong.replaceChildren(problem(error));
    }
  });
  const dialog = openDialog("Weights", [form], { kind: "small" });
}
