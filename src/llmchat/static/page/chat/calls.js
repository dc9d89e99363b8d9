/** The tools that an answer asks for, folded. */

import { element } from "../dom.js";
import { codeBlock } from "./code.js";

/**
 * @param {import("../types").Message} message
 * @param {import("./state.js").Live | undefined} live
 */
export function callsOf(message, live) {
  const calls = live
    ? live.tool_calls.filter(Boolean).map((call) => ({ name: call.name, given: call.arguments }))
    : (message.tool_calls ?? []).map((call) => ({ name: call.function.name, given: call.function.arguments }));
  return calls.map(({ name, given }) => folded(`Calls ${name || "a tool"}`, pretty(given), "json"));
}

/**
 * @param {string} title
 * @param {string} text
 * @param {string} language
 */
export function folded(title, text, language) {
  return element("details", { class: "call" }, element("summary", {}, title), codeBlock(text, language));
}

/** @param {string} json It may not be whole yet, or never be. */
function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
