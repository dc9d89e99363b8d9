/** What models there are, what each one is, and whether its server is up. */

/**
 * @typedef {object} Model
 * @property {string} id
 * @property {string} provider
 * @property {boolean} available
 * @property {number | null} context_window
 * @property {Record<string, unknown> | null} price In US dollars per million tokens.
 *
 * @typedef {object} Health
 * @property {string} provider
 * @property {"healthy" | "degraded" | "down"} status
 * @property {number | null} latency_ms
 * @property {string | null} detail
 */

const FRESH_SECONDS = 30;

export class Catalogue extends EventTarget {
  /** @type {Model[]} */
  models = [];
  fallback = "";
  /** @type {Map<string, Health>} By provider, the best of its servers. */
  health = new Map();
  #looked = 0;
  #checked = 0;

  /** @param {import("../types").Api} api */
  constructor(api) {
    super();
    this.api = api;
  }

  /** Asks for the models, unless it was just now; throws a `Problem`. */
  async look() {
    if (this.models.length && Date.now() - this.#looked < FRESH_SECONDS * 1000) return;
    const found = await this.api.get("/api/llm/models");
    this.models = found.items;
    this.fallback = found.default;
    this.#looked = Date.now();
    this.dispatchEvent(new Event("change"));
  }

  /** Asks every server how it is, which may take a moment; throws a `Problem`. */
  async check() {
    if (Date.now() - this.#checked < FRESH_SECONDS * 1000) return;
    const { providers } = await this.api.get("/api/llm/health");
    this.health.clear();
    for (const now of /** @type {Health[]} */ (providers)) {
      const before = this.health.get(now.provider);
      if (!before || BETTER[now.status] > BETTER[before.status]) this.health.set(now.provider, now);
    }
    this.#checked = Date.now();
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} id */
  find(id) {
    return this.models.find((model) => model.id === id);
  }
}

/** A provider is up as long as one of its servers is. */
const BETTER = { healthy: 2, degraded: 1, down: 0 };

/** One line about a model: `131K context · $0.15 in, $0.60 out`. @param {Model} model */
export function factsOf({ context_window, price }) {
  const facts = [];
  if (context_window) facts.push(`${short(context_window)} context`);
  const [input, output] = [price?.input, price?.output].map((dollars) => (typeof dollars === "number" ? dollars : null));
  if (input !== null && output !== null) facts.push(input || output ? `$${input} in, $${output} out per 1M tokens` : "free");
  return facts.join(" · ");
}

const short = (/** @type {number} */ tokens) => new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(tokens);
