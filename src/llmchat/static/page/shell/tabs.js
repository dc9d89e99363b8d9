/** What the tabs of this browser tell each other: which conversation has changed, and who signed in. */

/**
 * @typedef {{ kind: "changed" | "deleted", id: string }
 *   | { kind: "generating", id: string, generating: boolean }
 *   | { kind: "signed-in" | "signed-out" | "list" }} News
 */

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("llmchat");

/** To all other tabs. @param {News} news */
export function tellTabs(news) {
  channel?.postMessage(news);
}

/** @param {(news: News) => void} listener */
export function onTabs(listener) {
  channel?.addEventListener("message", ({ data }) => listener(data));
}
