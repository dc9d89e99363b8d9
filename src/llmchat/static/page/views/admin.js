/** What an admin sees: what is being written, how the models' servers are, who is here, with which keys. */

import { element } from "../dom.js";
import { showHealth } from "./health.js";
import { showKeys } from "./keys.js";
import { showLive } from "./live.js";
import { head } from "./parts.js";
import { showUsers } from "./users.js";

/** @param {import("../types").App} app @param {import("../types").View} _view @param {AbortSignal} left */
export function show(app, _view, left) {
  return element("div", { class: "view" },
    head("Admin", "Of everybody, in all processes. What people write is not shown here."),
    showLive(app, left), showHealth(app, left), showUsers(app, left), showKeys(app, left));
}
