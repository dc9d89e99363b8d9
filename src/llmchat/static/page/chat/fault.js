/** Why there is no whole answer, and what to do about it. */

import { element } from "../dom.js";

/** @typedef {import("../types").Message} Message */

/**
 * @param {Message} message
 * @param {() => void} again
 * @returns {Node[]}
 */
export function faultOf({ error, status }, again) {
  if (!error || status === "complete" || status === "stopped") return [];
  const retry = element("button", { type: "button", class: "button plain small when-idle", onclick: again }, "Try again");
  const wait = error.retry_after_seconds;
  return [
    element("strong", {}, error.title),
    element("p", { dir: "auto" }, [error.detail, wait ? `It may work in ${Math.ceil(wait)} s.` : ""].filter(Boolean).join(" ")),
    retry,
  ];
}
