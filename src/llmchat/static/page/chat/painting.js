/** When to draw: once for all that came since the last frame, and never for most of the time. */

/** Of a core, at the most, while an answer streams in. */
const SHARE = 1 / 16;
const [SHORTEST_PAUSE_MILLISECONDS, LONGEST_PAUSE_MILLISECONDS] = [40, 250];

export class Painting {
  #paint;
  #isAsked = false;
  #nextAt = 0;

  /** @param {() => void} paint */
  constructor(paint) {
    this.#paint = paint;
  }

  ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const pause = this.#nextAt - performance.now();
    if (pause > 8) setTimeout(() => requestAnimationFrame(() => this.#run()), pause);
    else requestAnimationFrame(() => this.#run());
  }

  /** Does not wait: somebody did something and wants to see it. */
  now() {
    this.#nextAt = 0;
    this.#isAsked = true;
    this.#run();
  }

  #run() {
    if (!this.#isAsked) return;
    this.#isAsked = false;
    const begin = performance.now();
    this.#paint();
    const end = performance.now();
    const pause = Math.max((end - begin) / SHARE, SHORTEST_PAUSE_MILLISECONDS);
    this.#nextAt = end + Math.min(pause, LONGEST_PAUSE_MILLISECONDS);
  }
}
