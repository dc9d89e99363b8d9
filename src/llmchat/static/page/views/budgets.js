/** How much may still be used up, of each allowance that there is. */

import { element } from "../dom.js";
import { brief, money, momentName } from "./format.js";
import { fill, gauge, part } from "./parts.js";

/**
 * @typedef {object} Allowed
 * @property {"user" | "key"} whose
 * @property {"tokens" | "usd"} unit
 * @property {"day" | "month"} period
 * @property {number} most
 * @property {number} used
 * @property {number} reserved
 * @property {number} left
 * @property {string} resets_at
 */

/** @param {import("../types").App} app @param {AbortSignal} left */
export function budgets({ api }, left) {
  const place = element("div", {});
  void fill(place, left, async () => {
    /** @type {{ items: Allowed[] }} */
    const { items } = await api.get("/api/usage/allowances", { signal: left });
    return items.length ? [part("Left of what you may use up", element("ul", { class: "budgets", role: "list" }, ...items.map(budget)))] : [];
  });
  return place;
}

/** @param {Allowed} allowed */
function budget({ whose, unit, period, most, used, reserved, left, resets_at }) {
  const show = unit === "usd" ? money : brief;
  const share = Math.min(1, (used + reserved) / most);
  const look = share >= 1 ? "bad" : share >= 0.8 ? "warn" : "good";
  const name = `${whose === "key" ? "This key" : "You"}, this ${period}`;
  return element("li", { class: `budget ${look}` },
    element("span", { class: "budget-name" }, name),
    element("strong", {}, left > 0 ? `${show(left)} ${unit === "tokens" ? "tokens " : ""}left` : "Nothing left"),
    gauge(`${name}: ${show(used)} of ${show(most)} used`, used + reserved, most),
    element("span", { class: "hint" }, `${show(used)} of ${show(most)} used${reserved ? `, ${show(reserved)} put aside for answers under way` : ""}. Begins anew ${momentName(resets_at)}.`));
}
