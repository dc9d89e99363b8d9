/** How the models' servers are, and what to do about one that is not well. */

import { element } from "../dom.js";
import { badge, fill, part, table } from "./parts.js";

/**
 * @typedef {object} Health
 * @property {string} provider
 * @property {"healthy" | "degraded" | "down"} status
 * @property {number | null} latency_ms
 * @property {"closed" | "open" | "half_open"} circuit
 * @property {string} url
 * @property {string | null} model
 * @property {string | null} detail
 */

const LOOKS = /** @type {const} */ ({ healthy: ["Healthy", "good"], degraded: ["Degraded", "warn"], down: ["Down", "bad"] });
const CIRCUITS = { closed: "closed: it is asked", open: "open: not asked for a while", half_open: "half open: one request tries it" };

/** @param {import("../types").App} app @param {AbortSignal} left */
export function showHealth({ api }, left) {
  const place = element("div", {});
  const look = () => fill(place, left, async () => {
    /** @type {{ providers: Health[] }} */
    const { providers } = await api.get("/api/llm/health", { signal: left });
    if (!providers.length) return [element("p", { class: "nothing-here" }, "No model’s server is set up, but the demo models are there.")];
    return [table("The models’ servers", [
      { name: "Provider" }, { name: "Status" }, { name: "Answers in", number: true }, { name: "Circuit", minor: true }, { name: "What to do" },
    ], providers.map((health) => [
      element("span", {}, health.provider, element("span", { class: "under" }, health.url)),
      statusOf(health),
      health.latency_ms === null ? "–" : `${Math.round(health.latency_ms)} ms`,
      CIRCUITS[health.circuit],
      element("span", {}, advice(health), health.detail && element("span", { class: "under" }, health.detail)),
    ]), { cards: true })];
  });
  void look();
  return element("div", {}, part("Models’ servers", place, element("div", { class: "actions" },
    element("button", { type: "button", class: "button small", onclick: () => void look() }, "Ask them again"))));
}

/** @param {Health} health */
function advice({ status, circuit, detail }) {
  if (status === "healthy" && circuit === "closed") return "Nothing.";
  if (circuit === "open") return "Wait: it failed several times in a row, and is tried again in a moment.";
  if (/\b(401|403)\b|key|unauthor/i.test(detail ?? "")) return "Look at its API key in the settings.";
  if (status === "down") return "See whether it runs, and whether its URL is right; other models go on.";
  return "Watch it: it answers, but not as it should.";
}

/** @param {Health} health */
function statusOf({ status }) {
  const [text, look] = LOOKS[status];
  return badge(text, look);
}
