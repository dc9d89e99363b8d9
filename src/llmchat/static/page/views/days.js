/** Usage by the day, as a plot wants it: without gaps, and by the month where there are too many. */

/**
 * @typedef {object} Sums
 * @property {number} input_tokens
 * @property {number} cached_tokens
 * @property {number} output_tokens
 * @property {number} reasoning_tokens
 * @property {number | null} cost_usd
 * @property {number} generations
 * @property {boolean} estimated
 */
/** @typedef {Sums & { day: string }} Day */

const DAY_MS = 24 * 3600 * 1000;
/** More days than so many are months. */
const MOST_DAYS = 100;

/** @type {Sums} */
export const NOTHING = { input_tokens: 0, cached_tokens: 0, output_tokens: 0, reasoning_tokens: 0, cost_usd: null, generations: 0, estimated: false };

/** @param {number} time Milliseconds since the epoch. */
export const dateOf = (time) => new Date(time).toISOString().slice(0, 10);

/**
 * The last days, today among them. In UTC, as the server counts them.
 *
 * @param {number} days
 * @param {number} now
 */
export function lastDays(days, now) {
  return { since: dateOf(now - (days - 1) * DAY_MS), until: dateOf(now) };
}

/**
 * Every day from `since` to `until`, or every month.
 *
 * @param {Day[]} days As the server lists them: only those with something in them.
 * @param {string} since
 * @param {string} until
 * @returns {{ unit: "day" | "month", items: Day[] }} The `day` of a month is its first.
 */
export function filled(days, since, until) {
  const first = Date.parse(since), last = Date.parse(until);
  const length = Math.round((last - first) / DAY_MS) + 1;
  const unit = length > MOST_DAYS ? "month" : "day";
  const place = unit === "month" ? (/** @type {string} */ day) => `${day.slice(0, 7)}-01` : (/** @type {string} */ day) => day;
  /** @type {Map<string, Day>} */
  const found = new Map();
  for (let index = 0; index < length; index += 1) {
    const day = place(dateOf(first + index * DAY_MS));
    if (!found.has(day)) found.set(day, { day, ...NOTHING });
  }
  for (const one of days) {
    const day = place(one.day);
    found.set(day, { day, ...added(found.get(day) ?? NOTHING, one) });
  }
  return { unit, items: [...found.values()].sort((a, b) => a.day.localeCompare(b.day)) };
}

/**
 * @param {Sums} one
 * @param {Sums} other
 * @returns {Sums}
 */
function added(one, other) {
  const costs = [one.cost_usd, other.cost_usd].filter((cost) => cost !== null);
  return {
    input_tokens: one.input_tokens + other.input_tokens,
    cached_tokens: one.cached_tokens + other.cached_tokens,
    output_tokens: one.output_tokens + other.output_tokens,
    reasoning_tokens: one.reasoning_tokens + other.reasoning_tokens,
    cost_usd: costs.length ? costs.reduce((sum, cost) => sum + cost, 0) : null,
    generations: one.generations + other.generations,
    estimated: one.estimated || other.estimated,
  };
}
