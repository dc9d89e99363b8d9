/** How long to wait before the next attempt, and waiting. */

import type { Problem } from "./problem.js";

export const LONGEST_PAUSE_SECONDS = 10;
/** The longest that a server is obeyed; also what a timer can hold. */
const LONGEST_OBEYED_SECONDS = 3600;
const LEAST_SHARE = 0.3;

/**
 * Longer with each failure, never the same for all, so that a server that comes back is not met by everybody at once; and
 * no shorter than the server asked for.
 */
export function pauseSeconds(failures: number, problem: Problem, firstSeconds = 1): number {
  const most = Math.min(firstSeconds * 2 ** failures, LONGEST_PAUSE_SECONDS);
  const pause = most * (LEAST_SHARE + (1 - LEAST_SHARE) * Math.random());
  return Math.min(Math.max(pause, problem.retry_after_seconds ?? 0), LONGEST_OBEYED_SECONDS);
}

/** A wait that can be ended early, or given up: then it rejects with the signal's reason. */
export class Pause {
  readonly over: Promise<void>;
  #end: () => void = () => {};

  constructor(seconds: number, signal?: AbortSignal) {
    this.over = new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const timer = setTimeout(() => this.#end(), seconds * 1000);
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", aborted);
      };
      const aborted = () => (leave(), reject(signal?.reason));
      this.#end = () => (leave(), resolve());
      signal?.addEventListener("abort", aborted);
    });
  }

  end(): void {
    this.#end();
  }
}
