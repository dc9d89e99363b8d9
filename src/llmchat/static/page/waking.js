/** Whatever tells that the world has changed: for who holds a connection, and may have lost it. */

const UNSEEN_SECONDS = 60;

/**
 * @typedef {object} Connected
 * @property {() => void} again The network is back.
 * @property {() => void} lost The network is gone.
 * @property {() => void} drop Give the connection back.
 * @property {() => void} wake The tab is seen again: look, and do not wait any longer.
 * @property {() => boolean} isNeeded Whether also a tab that nobody sees needs it.
 *
 * @param {Connected} connected
 * @param {AbortSignal} signal Ends it.
 */
export function whenTheWorldChanges({ again, lost, drop, wake, isNeeded }, signal) {
  addEventListener("online", again, { signal });
  addEventListener("offline", lost, { signal });
  // A page in the back/forward cache may hold no connection.
  addEventListener("pagehide", drop, { signal });
  addEventListener("pageshow", ({ persisted }) => persisted && wake(), { signal });
  document.addEventListener("visibilitychange", () => (document.hidden ? restSoon() : wake()), { signal });

  /** A browser has six connections to a server, for all its tabs: one that nobody sees gives its own back. */
  function restSoon() {
    setTimeout(() => {
      if (!document.hidden || signal.aborted) return;
      if (isNeeded()) restSoon();
      else drop();
    }, UNSEEN_SECONDS * 1000);
  }
}

/**
 * Longer each time, and never the same for all: a server that comes back is not met by everybody at once.
 *
 * @param {number} failures How often it has failed in a row.
 * @param {{ first?: number, longest: number }} milliseconds
 */
export function pauseAfter(failures, { first = 1000, longest }) {
  return Math.min(first * 2 ** failures, longest) * (0.3 + Math.random() * 0.7);
}
