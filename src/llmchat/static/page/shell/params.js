/** The parameters of an answer: what they are, and what the API takes. Knows no elements. */

/**
 * @typedef {object} Field
 * @property {string} name As the API has it.
 * @property {string} label
 * @property {string} hint
 * @property {"number" | "integer" | "lines"} kind
 * @property {number} [least]
 * @property {number} [most]
 */

const MOST_INTEGER = Number.MAX_SAFE_INTEGER;
const MOST_STOPS = 16;
const MOST_STOP_CHARS = 512;

/** @type {Field[]} */
export const FIELDS = [
  { name: "temperature", label: "Temperature", kind: "number", least: 0, most: 2, hint: "How freely the model chooses: 0 to 2." },
  { name: "top_p", label: "Top P", kind: "number", least: 0, most: 1, hint: "The share of likely tokens that it chooses from: 0 to 1." },
  { name: "max_tokens", label: "Most tokens", kind: "integer", least: 1, most: 10_000_000, hint: "Where an answer is cut." },
  { name: "seed", label: "Seed", kind: "integer", least: -MOST_INTEGER, most: MOST_INTEGER, hint: "The same seed gives the same answer, where the model can do that." },
  { name: "stop", label: "Stop at", kind: "lines", hint: `Texts that end the answer, one a line, at most ${MOST_STOPS}.` },
];

/**
 * What somebody typed, as the API takes it; undefined: nothing, so the default holds.
 *
 * @param {Field} field
 * @param {string} typed
 * @returns {{ value: unknown } | { problem: string }}
 */
export function parse(field, typed) {
  if (field.kind === "lines") return parseLines(typed);
  const text = typed.trim().replace(",", ".");
  if (!text) return { value: undefined };
  const value = Number(text);
  const { least = -MOST_INTEGER, most = MOST_INTEGER } = field;
  if (!Number.isFinite(value)) return { problem: "This is not a number." };
  if (field.kind === "integer" && !Number.isInteger(value)) return { problem: "This has to be a whole number." };
  if (value < least || value > most) return { problem: `From ${least} to ${most}.` };
  return { value };
}

/** @param {string} typed */
function parseLines(typed) {
  const lines = typed.split("\n").filter((line) => line !== "");
  if (lines.length > MOST_STOPS) return { problem: `At most ${MOST_STOPS} lines.` };
  if (lines.some((line) => [...line].length > MOST_STOP_CHARS)) return { problem: `At most ${MOST_STOP_CHARS} characters a line.` };
  return { value: lines.length ? lines : undefined };
}

/** As it is typed. @param {unknown} value */
export function show(value) {
  if (value === undefined || value === null) return "";
  return Array.isArray(value) ? value.join("\n") : String(value);
}
