/** What experiments measure, in words and numbers. Knows no elements. */

import { count, money, percent } from "./format.js";

/** @typedef {"share" | "seconds" | "tokens" | "usd"} Unit */

/** @type {Record<string, string>} */
export const TITLES = {
  feedback: "Good ratings",
  error_rate: "Answers that failed",
  first_token_seconds: "Time to the first token",
  output_tokens: "Tokens of an answer",
  cost_usd: "Cost of an answer",
};
/** @type {Record<string, string>} */
export const ESTIMATORS = { rate: "share", median: "median", mean: "mean" };

const FORMATS = {
  share: percent,
  seconds: (/** @type {number} */ value) => (value > 0 && value < 0.1 ? `${Number((value * 1000).toPrecision(2))} ms` : `${Number(value.toPrecision(3))} s`),
  tokens: (/** @type {number} */ value) => (value < 10 ? String(Number(value.toFixed(1))) : count(value)),
  usd: (/** @type {number} */ value) => money(value),
};

/** @param {Unit} unit @param {number | null} value */
export const shown = (unit, value) => (value === null ? "–" : FORMATS[unit](value));

/** 73 % (48 % to 89 %). @param {Unit} unit @param {{ value: number | null, low: number | null, high: number | null }} found */
export function interval(unit, { value, low, high }) {
  if (value === null) return "nothing yet";
  if (low === null || high === null) return shown(unit, value);
  return `${shown(unit, value)} (${shown(unit, low)} to ${shown(unit, high)})`;
}

/**
 * How far an axis has to reach: a share from 0 to 1 at most, all else from 0.
 *
 * @param {Unit} unit
 * @param {{ value: number | null, low: number | null, high: number | null }[]} found
 */
export function reach(unit, found) {
  const most = Math.max(0, ...found.flatMap(({ value, high }) => [value ?? 0, high ?? 0]));
  return unit === "share" ? (most > 0.5 ? 1 : most || 1) : most || 1;
}
