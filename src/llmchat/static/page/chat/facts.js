/** What an answer took, in a few words. */

/** @typedef {import("../types").Message} Message */

const NUMBER = new Intl.NumberFormat("en");
const STATUS = { queued: "waiting for its turn", stopped: "stopped", failed: "failed", interrupted: "interrupted" };

/**
 * `demo/echo · 1,234 tokens · 56 tokens/s · $0.0012`
 *
 * @param {Message} message
 */
export function facts(message) {
  const { usage, timing, model, finish_reason: reason } = message;
  const status = /** @type {Record<string, string>} */ (STATUS)[message.status];
  const tokens = usage?.output_tokens;
  return [
    status ?? (reason === "length" ? "cut at its greatest length" : ""),
    model ?? "",
    tokens ? `${usage.estimated ? "≈ " : ""}${NUMBER.format(tokens)} token${tokens === 1 ? "" : "s"}` : "",
    speed(tokens, timing),
    typeof usage?.cost_usd === "number" ? dollars(usage.cost_usd) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/**
 * @param {number | undefined} tokens
 * @param {Message["timing"]} timing
 */
function speed(tokens, timing) {
  const { total_seconds: total, first_token_seconds: first } = timing ?? {};
  if (!tokens || tokens < 5 || typeof total !== "number" || typeof first !== "number" || total - first < 0.05) return "";
  return `${NUMBER.format(Math.round(tokens / (total - first)))} tokens/s`;
}

/** @param {number} cost */
function dollars(cost) {
  if (cost > 0 && cost < 0.0001) return "< $0.0001";
  return `$${cost.toFixed(cost < 0.01 ? 4 : 2)}`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return "a moment";
  if (seconds < 60) return `${Math.round(seconds)} second${Math.round(seconds) === 1 ? "" : "s"}`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** The text of a content that may have images in it. @param {import("../types").Content} content */
export function textOf(content) {
  if (typeof content === "string") return content;
  return content.flatMap((part) => (part.type === "text" ? part.text : [])).join("\n");
}

/** The images of a content, as data URLs. @param {import("../types").Content} content */
export function imagesOf(content) {
  if (typeof content === "string") return [];
  return content.flatMap((part) => (part.type === "image_url" ? part.image_url.url : []));
}
