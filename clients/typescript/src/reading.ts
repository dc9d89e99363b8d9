/** A stream over any number of connections: one at a time, with a pause before the next. */

import type { Calls } from "./calls.js";
import { FrameReader, type Frame } from "./frames.js";
import { Pause, pauseSeconds } from "./pauses.js";
import { Problem, unanswered } from "./problem.js";
import { wakes } from "./waking.js";
import { Watchdog } from "./watchdog.js";

export interface ReadingOptions {
  signal?: AbortSignal | undefined;
  /** How many connections in a row may fail before it gives up. Default: 40, some minutes; `Infinity`: never. */
  attempts?: number | undefined;
  /** After how much silence a connection counts as dead. Default: 25; the server sends a heartbeat after 10. */
  silenceSeconds?: number | undefined;
  /** The connection is lost, and the next attempt is so many seconds away. */
  onLost?: ((problem: Problem, seconds: number) => void) | undefined;
}

/** What is read. */
export interface Source<Event> {
  /** What one connection brings. Throws a `Problem` when another one is needed. */
  connection(): AsyncIterable<Event>;
  /** Whether all of it was read. */
  isOver(): boolean;
}

const ATTEMPTS = 40;
const CONNECT_SECONDS = 20;
const SILENCE_SECONDS = 25;
/** When somebody looks again, so much silence is too much. */
const SUSPICIOUS_SECONDS = 12;

export class Reading {
  readonly #calls: Calls;
  readonly #options: ReadingOptions;
  #isRead = false;
  #failures = 0;
  #heardAt = 0;
  #retrySeconds = 1;
  #isHurried = false;
  #request: Watchdog | null = null;
  #pause: Pause | null = null;

  constructor(calls: Calls, options: ReadingOptions) {
    [this.#calls, this.#options] = [calls, options];
  }

  /** All of it. Throws a `Problem` when there is nothing to read, or no server for too long; the reason of the signal. */
  async *events<Event>(source: Source<Event>): AsyncGenerator<Event, void, undefined> {
    if (this.#isRead) throw new TypeError("Somebody reads this stream already: ask for another one");
    this.#isRead = true;
    const listening = new AbortController();
    wakes({ wake: () => this.#wake(), drop: () => this.#request?.end() }, listening.signal);
    this.#failures = 0;
    try {
      while (!source.isOver()) yield* this.#attempt(source);
    } finally {
      listening.abort();
      this.#isRead = false;
    }
  }

  /** For a source, in its connection: the head of the answer. */
  async open(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const request = this.#connected();
    this.#heardAt = Date.now();
    request.expect(CONNECT_SECONDS);
    const sent = { headers: { Accept: "text/event-stream", ...headers }, signal: request.signal };
    return await this.#calls.open("get", path, sent).finally(() => request.expect(Infinity));
  }

  /** What comes, as it comes. Who reads slowly is not mistaken for a server that is silent. */
  async *frames(response: Response): AsyncGenerator<Frame, void, undefined> {
    if (!/^text\/event-stream\b/i.test(response.headers.get("Content-Type") ?? "") || response.body === null) {
      throw unanswered("The answer is not a stream of llmchat's");
    }
    const request = this.#connected();
    const frames = new FrameReader();
    const decoder = new TextDecoder();
    const body = response.body.getReader();
    for (;;) {
      request.expect(this.#options.silenceSeconds ?? SILENCE_SECONDS);
      const { done, value } = await body.read().catch((error: unknown) => {
        throw unanswered("The stream broke off", error);
      });
      request.expect(Infinity);
      if (done) return;
      this.#heardAt = Date.now();
      const found = frames.take(decoder.decode(value, { stream: true }));
      this.#retrySeconds = frames.retrySeconds ?? this.#retrySeconds;
      for (const frame of found) {
        yield frame;
        // Whoever finds a fault in it does not come back here. A snapshot begins each connection, also where all behind it breaks.
        if (frame.event !== "snapshot") this.#failures = 0;
      }
    }
  }

  #connected(): Watchdog {
    if (this.#request === null) throw new TypeError("There is a connection only while the stream is read");
    return this.#request;
  }

  /** One connection to its end; when that was not the stream's, a pause. */
  async *#attempt<Event>(source: Source<Event>): AsyncGenerator<Event, void, undefined> {
    let problem = unanswered("The stream broke off");
    try {
      yield* this.#connection(source);
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (!(error instanceof Problem)) throw error;
      problem = error;
    }
    if (!source.isOver()) await this.#wait(problem);
  }

  async *#connection<Event>(source: Source<Event>): AsyncGenerator<Event, void, undefined> {
    const request = (this.#request = new Watchdog(this.#options.signal));
    try {
      for await (const event of source.connection()) {
        yield event;
        if (source.isOver()) return;
        if (request.signal.aborted) throw unanswered("The stream broke off");
      }
    } catch (error) {
      throw request.isSilent ? unanswered("The server fell silent", error) : error;
    } finally {
      request.close();
      request.end();
    }
  }

  async #wait(problem: Problem): Promise<void> {
    const { attempts = ATTEMPTS, onLost, signal } = this.#options;
    const isRefused = !problem.isPassing && problem.status < 500;
    if (isRefused || this.#failures + 1 >= attempts) throw problem;
    const seconds = this.#isHurried ? 0 : pauseSeconds(this.#failures, problem, this.#retrySeconds);
    this.#failures += 1;
    this.#isHurried = false;
    onLost?.(problem, seconds);
    this.#pause = new Pause(seconds, signal);
    await this.#pause.over;
    this.#pause = null;
  }

  #wake(): void {
    if (this.#pause !== null) return this.#pause.end();
    if (Date.now() - this.#heardAt < SUSPICIOUS_SECONDS * 1000) return;
    this.#isHurried = true;
    this.#request?.end();
  }
}
