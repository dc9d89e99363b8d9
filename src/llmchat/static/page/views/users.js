/** Who is here, and what they used up this month. */

import { element } from "../dom.js";
import { ago, brief, count, marked, money, momentName, monthName } from "./format.js";
import { fill, part, table } from "./parts.js";

/**
 * @typedef {object} Known
 * @property {string} user
 * @property {number} keys
 * @property {string | null} last_seen_at
 * @property {number} input_tokens
 * @property {number} output_tokens
 * @property {number | null} cost_usd
 * @property {number} generations
 * @property {boolean} estimated
 * @property {number} live
 */

const SHOWN = 50;

/** @param {import("../types").App} app @param {AbortSignal} left */
export function showUsers({ api }, left) {
  const place = element("div", {});
  const search = element("input", { type: "search", placeholder: "Find a user", ariaLabel: "Find a user", maxLength: 128, autocomplete: "off", oninput: () => list() });
  const box = element("div", { class: "find", hidden: true }, search);
  /** @type {{ month: string, items: Known[] }} */
  let found = { month: "", items: [] };

  function list() {
    const wanted = search.value.trim().toLowerCase();
    const items = found.items.filter(({ user }) => user.toLowerCase().includes(wanted));
    const month = monthName(found.month);
    if (!items.length) return place.replaceChildren(element("p", { class: "nothing-here" }, wanted ? `No user has “${wanted}” in their name.` : "Nobody has a key, or was here lately."));
    place.replaceChildren(element("p", { class: "hint" }, `Answers, tokens and cost are those of ${month}.`), table("Users", [
      { name: "User" }, { name: "Keys", number: true, minor: true }, { name: "Last seen" }, { name: "Answers", number: true, minor: true },
      { name: "Tokens", number: true }, { name: "Cost", number: true },
    ], items.slice(0, SHOWN).map(row), { cards: true }),
    ...(items.length > SHOWN ? [element("p", { class: "hint" }, `${SHOWN} of ${count(items.length)}, those with the most tokens.`)] : []));
  }

  void fill(place, left, async () => {
    found = await api.get("/api/admin/users", { signal: left });
    box.hidden = found.items.length < 10;
    list();
    return [...place.children];
  });
  return part("Users", box, place);
}

/** @param {Known} known */
function row(known) {
  const { user, keys, last_seen_at, input_tokens, output_tokens, cost_usd, generations, live } = known;
  return [
    element("span", {}, user, live > 0 && element("span", { class: "under" }, `${live} being written`)),
    count(keys),
    last_seen_at ? element("time", { dateTime: last_seen_at, title: momentName(last_seen_at) }, ago(last_seen_at)) : "never",
    count(generations),
    marked(known, brief(input_tokens + output_tokens)),
    marked(known, money(cost_usd)),
  ];
}
