/** How the connection is: one quiet line, and nothing while all is well. */

import { byId } from "../dom.js";

/** @type {Partial<Record<import("../types").Connection, string>>} */
const SAID = {
  offline: "You are offline. It goes on where it was as soon as you are back.",
  reconnecting: "Connection lost, reconnecting…",
  restarting: "The server is restarting, reconnecting…",
};
const PATIENCE_MILLISECONDS = 700;

/** @param {import("../types").App} app */
export function showStatus({ events }) {
  const line = byId("status", HTMLElement);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  events.on("connection", (connection) => {
    const said = SAID[connection] ?? "";
    clearTimeout(timer);
    // Each attempt begins with "connecting": the line stays until one of them worked.
    if (connection === "connecting") return;
    if (!said || line.textContent) line.textContent = said;
    else timer = setTimeout(() => (line.textContent = said), PATIENCE_MILLISECONDS);
  });
}
