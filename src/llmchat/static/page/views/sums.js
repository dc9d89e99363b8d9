/** Usage by model, key, conversation or user, and the same as a file. */

import { element } from "../dom.js";
import { titleOf } from "../shell/titles.js";
import { brief, count, marked, money } from "./format.js";
import { choice, fill, gauge, part, table } from "./parts.js";
import { query } from "./usage.js";

/** @typedef {import("./days.js").Sums & { model?: string, key?: string | null, conversation_id?: string | null, user?: string }} Sum */

const GROUPS = /** @type {const} */ ([["model", "Models"], ["key", "Keys"], ["conversation", "Conversations"]]);
const USERS = /** @type {const} */ (["user", "Users"]);
const MOST_TITLES = 100;
const MOST_ROWS = 100;

/**
 * @param {import("../types").App} app
 * @param {import("./usage.js").Wish} wish
 * @param {AbortSignal} left
 * @param {(by: string) => void} chosen
 */
export async function breakdown(app, wish, left, chosen) {
  const groups = [...GROUPS, ...(wish.all ? [USERS] : [])];
  if (!groups.some(([value]) => value === wish.by)) chosen("model");
  const place = element("div", {});
  const load = () => fill(place, left, () => sumsBy(app, wish, left));
  await load();
  return [part("What for", choice("What for", groups, /** @type {any} */ (wish.by), (by) => { chosen(by); void load(); }), place)];
}

/** @param {import("../types").App} app @param {import("./usage.js").Wish} wish @param {AbortSignal} left */
async function sumsBy(app, wish, left) {
  /** @type {{ items: Sum[], total: Sum }} */
  const { items, total } = await app.api.get(`${query(wish)}&group_by=${wish.by}`, { signal: left });
  if (!items.length) return [element("p", { class: "hint" }, "Nothing was used up in this time.")];
  const names = await namesOf(app, wish, items.slice(0, MOST_ROWS), left);
  const most = Math.max(...items.map(tokensOf));
  return [
    table(`Usage by ${wish.by}`, [
      { name: wish.by[0].toUpperCase() + wish.by.slice(1) }, { name: "Answers", number: true, minor: true }, { name: "Input", number: true, minor: true },
      { name: "Output", number: true, minor: true }, { name: "Tokens", number: true }, { name: "Cost", number: true }, { name: "Share of the tokens", minor: true },
    ], items.slice(0, MOST_ROWS).map((sum, index) => [
      names[index], count(sum.generations), marked(sum, count(sum.input_tokens)), marked(sum, count(sum.output_tokens)), marked(sum, brief(tokensOf(sum))), marked(sum, money(sum.cost_usd)),
      gauge(`${Math.round((100 * tokensOf(sum)) / (tokensOf(total) || 1))} % of the tokens`, tokensOf(sum), most),
    ])),
    items.length > MOST_ROWS && element("p", { class: "hint" }, `The ${MOST_ROWS} with the most tokens. The file has more.`),
  ];
}

const tokensOf = (/** @type {Sum} */ { input_tokens, output_tokens }) => input_tokens + output_tokens;

/**
 * @param {import("../types").App} app
 * @param {import("./usage.js").Wish} wish
 * @param {Sum[]} items
 * @param {AbortSignal} left
 * @returns {Promise<(Node | string)[]>}
 */
async function namesOf({ api, place }, wish, items, left) {
  if (wish.by === "key") {
    const { items: keys } = await api.get("/api/keys", { signal: left }).catch(() => ({ items: [] }));
    const named = new Map(keys.map((/** @type {{ id: string, name: string, user: string }} */ key) => [key.id, `${key.name} (${key.user})`]));
    return items.map(({ key }) => (key ? named.get(key) ?? key : "No key"));
  }
  if (wish.by !== "conversation") return items.map(({ model, user }) => model ?? user ?? "–");
  // Of the newest only: of others, and of what is gone, the id has to do.
  const { items: newest } = await api.get(`/api/conversations?limit=${MOST_TITLES}&archived=all`, { signal: left });
  const titles = new Map(newest.map((/** @type {import("../types").Conversation} */ one) => [one.id, titleOf(one)]));
  return items.map(({ conversation_id: id }) => {
    if (!id) return "Stored by nobody";
    const title = titles.get(id);
    return title ? element("a", { href: place.address(id) }, title) : element("code", {}, id);
  });
}

/** @param {import("../types").App} app @param {string} path */
export async function saveAs({ api }, path) {
  const response = await api.open("GET", `${path}&format=csv`);
  const url = URL.createObjectURL(await response.blob());
  Object.assign(document.createElement("a"), { href: url, download: "usage.csv" }).click();
  // Not at once: the download has only been asked for.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
