/** What tells a page that the world has changed; nothing of it where there is no page. */

export interface Sleeper {
  /** The network is back, or somebody looks again: wait no longer, and distrust what was silent. */
  wake(): void;
  /** The page is put away, and may hold no connection. */
  drop(): void;
}

/** Until the signal is aborted. */
export function wakes(sleeper: Sleeper, signal: AbortSignal): void {
  if (typeof document === "undefined" || typeof globalThis.addEventListener !== "function") return;
  globalThis.addEventListener("online", () => sleeper.wake(), { signal });
  globalThis.addEventListener("pageshow", () => sleeper.wake(), { signal });
  globalThis.addEventListener("pagehide", () => sleeper.drop(), { signal });
  document.addEventListener("visibilitychange", () => document.hidden || sleeper.wake(), { signal });
}
