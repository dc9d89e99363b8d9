/** Keeps the list as the server has it: told by the page, by the other tabs, and by looking now and then. */

import { onTabs, tellTabs } from "./tabs.js";

const LOOK_SECONDS = 20;
const LOOK_SECONDS_WHILE_WRITING = 5;
const SOON_MS = 300;

/**
 * @param {import("../types").App} app
 * @param {import("./conversations.js").Conversations} conversations
 */
export function keepFresh({ events, place }, conversations) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let signedOut = false;

  function lookIn(/** @type {number} */ milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(look, milliseconds);
  }
  async function look() {
    if (!document.hidden && !signedOut) await conversations.refresh();
    const writing = conversations.shown.some(({ generating }) => generating);
    lookIn((writing ? LOOK_SECONDS_WHILE_WRITING : LOOK_SECONDS) * 1000);
  }
  const soon = () => lookIn(SOON_MS);

  events.on("conversation", (now) => { conversations.put({ ...conversations.find(now.id), ...now }); });
  events.on("deleted", (id) => conversations.remove(id));
  events.on("generating", ({ id, generating }) => {
    conversations.change(id, { generating });
    tellTabs({ kind: "generating", id, generating });
    soon();
  });
  events.on("place", (id) => { if (id && !conversations.find(id)) soon(); });
  events.on("signed-out", () => { signedOut = true; });
  events.on("signed-in", () => { signedOut = false; soon(); });
  onTabs((news) => {
    if (news.kind === "generating") conversations.change(news.id, { generating: news.generating });
    if (news.kind === "deleted") {
      conversations.remove(news.id);
      if (place.id === news.id) place.open(null);
    }
    soon();
  });
  for (const name of ["online", "pageshow", "focus"]) addEventListener(name, soon);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
  lookIn(0);
}
