/** What was used up, and what it cost: by the day, and by whatever it was used for. */

import { element } from "../dom.js";
import { toastProblem } from "../shell/dialogs.js";
import { budgets } from "./budgets.js";
import { barChart } from "./chart.js";
import { filled, lastDays } from "./days.js";
import { brief, count, dayName, fullDayName, marked, money, monthName } from "./format.js";
import { choice, fill, head, table } from "./parts.js";
import { breakdown, saveAs } from "./sums.js";

/** @typedef {import("./days.js").Day} Day */
/** @typedef {import("./days.js").Sums} Sums */
/** @typedef {{ days: string, since: string, until: string, all: boolean, by: string }} Wish */

const PERIODS = /** @type {const} */ ([["7", "7 days"], ["30", "30 days"], ["90", "90 days"], ["365", "Year"], ["own", "Other"]]);

/** @param {import("../types").App} app @param {import("../types").View} view @param {AbortSignal} left */
export function show(app, view, left) {
  const wish = wishIn(view.query);
  const sums = element("div", { class: "usage-sums" });
  const groups = element("div", {});
  const from = dateField("From", wish.since, (date) => change({ since: date }));
  const to = dateField("To", wish.until, (date) => change({ until: date }));
  const own = element("div", { class: "dates", hidden: wish.days !== "own" }, from.label, to.label);

  /** @param {Partial<Wish>} changes */
  function change(changes) {
    Object.assign(wish, changes);
    if (changes.days && changes.days !== "own") Object.assign(wish, lastDays(Number(changes.days), Date.now()));
    [to.input.min, from.input.max] = [wish.since, wish.until];
    if (wish.since > wish.until) return void (changes.since ? from : to).input.reportValidity();
    own.hidden = wish.days !== "own";
    [from.input.value, to.input.value] = [wish.since, wish.until];
    app.place.note(addressOf(wish));
    load();
  }
  function load() {
    void fill(sums, left, () => daysOf(app, wish, left));
    void fill(groups, left, () => breakdown(app, wish, left, (by) => { wish.by = by; app.place.note(addressOf(wish)); }));
  }

  const whose = element("span", {});
  const showWhose = () => app.api.get("/api/me", { signal: left }).then(({ scopes }) => {
    if (scopes.includes("admin")) whose.replaceChildren(choice("Whose", [["mine", "Mine"], ["all", "Everybody’s"]], wish.all ? "all" : "mine", (value) => change({ all: value === "all" })));
  }, () => {});
  void showWhose();
  load();
  const csv = element("button", { type: "button", class: "button small", onclick: () => saveAs(app, `${query(wish)}&group_by=${wish.by}`).catch(toastProblem) }, "Download CSV");
  return element("div", { class: "view" },
    head("Usage", "Of every attempt at an answer, also of those that failed or were stopped. Days are those of UTC.",
      choice("Period", PERIODS, /** @type {any} */ (wish.days), (days) => change({ days })), own, whose, csv),
    budgets(app, left), sums, groups);
}

/** @param {URLSearchParams} asked @returns {Wish} */
function wishIn(asked) {
  const days = PERIODS.find(([value]) => value === asked.get("days"))?.[0] ?? "30";
  const usual = lastDays(days === "own" ? 30 : Number(days), Date.now());
  const date = (/** @type {"since" | "until"} */ name) => (/^\d{4}-\d\d-\d\d$/.test(asked.get(name) ?? "") && days === "own" ? String(asked.get(name)) : usual[name]);
  return { days, since: date("since"), until: date("until"), all: asked.get("all") === "true", by: asked.get("by") ?? "model" };
}

/** @param {Wish} wish */
function addressOf({ days, since, until, all, by }) {
  const said = new URLSearchParams({ days, ...(days === "own" ? { since, until } : {}), ...(all ? { all: "true" } : {}), ...(by === "model" ? {} : { by }) });
  return `#/usage?${said}`;
}

/** @param {Wish} wish */
export const query = ({ since, until, all }) => `/api/usage?since=${since}&until=${until}${all ? "&all=true" : ""}`;

/** @param {string} name @param {string} value @param {(date: string) => void} choose */
function dateField(name, value, choose) {
  const input = element("input", { type: "date", value, min: "2020-01-01", required: true, onchange: () => { if (input.value) choose(input.value); } });
  return { input, label: element("label", { class: "date" }, element("span", {}, name), input) };
}

/** @param {import("../types").App} app @param {Wish} wish @param {AbortSignal} left */
async function daysOf({ api }, wish, left) {
  /** @type {{ items: Day[], total: Sums }} */
  const { items, total } = await api.get(`${query(wish)}&group_by=day`, { signal: left });
  const { unit, items: days } = filled(items, wish.since, wish.until);
  const name = unit === "month" ? monthName : dayName, fullName = unit === "month" ? monthName : fullDayName;
  return [
    tiles(total),
    element("div", { class: "charts" },
      barChart({
        title: `Tokens by the ${unit}`,
        says: tokensInAll(total, days, fullName),
        parts: ["Input", "Output"],
        format: brief, least: 1,
        bars: days.map((day) => ({
          label: name(day.day), estimated: day.estimated, values: [day.input_tokens, day.output_tokens],
          says: `${fullName(day.day)}: ${marked(day, count(day.input_tokens))} in, ${count(day.output_tokens)} out, ${answers(day)}`,
        })),
      }, dayTable("Tokens", days, fullName)),
      barChart({
        title: `Cost by the ${unit}`,
        says: costInAll(total, days, fullName),
        parts: ["Cost"],
        format: (usd) => money(usd),
        bars: days.map((day) => ({ label: name(day.day), values: [day.cost_usd ?? 0], estimated: day.estimated, says: `${fullName(day.day)}: ${marked(day, money(day.cost_usd))}, ${answers(day)}` })),
      }, dayTable("Cost", days, fullName))),
  ];
}

const answers = (/** @type {Sums} */ { generations }) => `${count(generations)} ${generations === 1 ? "answer" : "answers"}`;

/** @param {Sums} total */
function tiles(total) {
  const tile = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ more) => element("div", { class: "tile" },
    element("dt", {}, name), element("dd", {}, element("strong", {}, value), element("span", { class: "hint" }, more)));
  const { input_tokens, cached_tokens, output_tokens, reasoning_tokens } = total;
  return element("div", { class: "part" },
    element("dl", { class: "tiles" },
      tile("Input tokens", marked(total, brief(input_tokens)), cached_tokens ? `${brief(cached_tokens)} of them cached` : "of prompts"),
      tile("Output tokens", marked(total, brief(output_tokens)), reasoning_tokens ? `${brief(reasoning_tokens)} of them reasoning` : "of answers"),
      tile("Cost", marked(total, money(total.cost_usd)), !input_tokens && !output_tokens ? "nothing was used up" : total.cost_usd === null ? "no price is known" : "of models whose price is known"),
      tile("Answers", brief(total.generations), total.generations ? `${money(total.cost_usd === null ? null : total.cost_usd / total.generations)} each` : "none yet")),
    total.estimated && element("p", { class: "hint" }, "≈ is in part counted here, because a model’s server did not say how many tokens it took."));
}

/** @param {Sums} total @param {Day[]} days @param {(day: string) => string} name */
function tokensInAll(total, days, name) {
  const tokens = ({ input_tokens = 0, output_tokens = 0 }) => input_tokens + output_tokens;
  const most = days.reduce((one, other) => (tokens(other) > tokens(one) ? other : one), days[0]);
  if (!most || !tokens(most)) return "Nothing was used up in this time.";
  return `${marked(total, brief(tokens(total)))} in all; the most, ${brief(tokens(most))}: ${name(most.day)}.`;
}

/** @param {Sums} total @param {Day[]} days @param {(day: string) => string} name */
function costInAll(total, days, name) {
  const most = days.reduce((one, other) => ((other.cost_usd ?? 0) > (one.cost_usd ?? 0) ? other : one), days[0]);
  if (!total.input_tokens && !total.output_tokens) return "Nothing was spent in this time.";
  if (total.cost_usd === null) return "No price is known of what was used up in this time.";
  return most?.cost_usd ? `${marked(total, money(total.cost_usd))} in all; the most, ${money(most.cost_usd)}: ${name(most.day)}.` : "Nothing was spent in this time.";
}

/** @param {string} what @param {Day[]} days @param {(day: string) => string} name */
function dayTable(what, days, name) {
  const rows = days.filter(({ generations, input_tokens, output_tokens }) => generations || input_tokens || output_tokens).reverse();
  return table(`${what}, each day`, [{ name: "Day" }, { name: "Answers", number: true }, { name: "Input", number: true }, { name: "Output", number: true }, { name: "Cost", number: true }],
    rows.map((day) => [name(day.day), count(day.generations), marked(day, count(day.input_tokens)), marked(day, count(day.output_tokens)), marked(day, money(day.cost_usd))]));
}

