/** A new conversation: an empty page, and the cursor where the first message goes. */

import { closeDrawer } from "./drawer.js";

/** @param {import("../types").App} app */
export function newChat({ place }) {
  place.open(null);
  closeDrawer();
  document.getElementById("question")?.focus();
}
