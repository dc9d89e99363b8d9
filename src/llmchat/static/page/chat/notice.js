/** The line above the composer: what was refused, and what to do about it. */

import { Problem } from "../api.js";
import { byId } from "../dom.js";

/** @param {string} text Empty: nothing (any more). */
export function notice(text) {
  byId("notice", HTMLElement).textContent = text;
}

/**
 * Says why something did not work; anything but a refusal is a mistake of ours, and goes on.
 *
 * @param {unknown} error
 */
export function refused(error) {
  if (!(error instanceof Problem)) throw error;
  notice(advice(error));
}

/** @param {Problem} problem */
export function advice({ status, title, detail, retryAfter }) {
  const sentence = `${title.replace(/\.$/, "")}. ${detail}`.trim();
  switch (status) {
    case 0:
      return `${title.replace(/\.$/, "")}. Nothing is lost: try again in a moment.`;
    case 401:
      return "You are signed out. Sign in, and go on where you were.";
    case 404:
      return "There is no such thing (any more).";
    case 409:
      return "An answer is still being written. Wait for its end or stop it, then try again.";
    case 413:
      return "This is too long. Shorten it and send it again.";
    case 422:
      return `This was not accepted. ${detail} Change it and try again.`;
    case 429:
      return `${sentence} Try again in ${Math.ceil(retryAfter ?? 5)} s.`;
    default:
      return sentence;
  }
}
