/** A request's patience. */

/** Its signal ends a request: when the caller's does, and when nothing came for so long. */
export class Watchdog {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether it was silence that ended the request. */
  isSilent = false;

  constructor(outer: AbortSignal | undefined) {
    outer?.throwIfAborted();
    this.#outer = outer;
    // `AbortSignal.any` would do, but for what older engines leak with a signal that lives long.
    outer?.addEventListener("abort", this.#aborted);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came, or is about to: so many seconds from now on. */
  expect(seconds: number): void {
    clearTimeout(this.#timer);
    if (seconds === Infinity) return;
    this.#timer = setTimeout(() => {
      this.isSilent = true;
      this.#controller.abort();
    }, seconds * 1000);
  }

  /** End the request now. */
  end(): void {
    this.#controller.abort();
  }

  /** It is over: nothing of it is left behind. */
  close(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#aborted);
  }

  readonly #aborted = (): void => this.#controller.abort(this.#outer?.reason);
}
