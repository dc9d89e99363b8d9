/** One answer, from its first event to its end, over any number of connections. */

import { grown, UNREAD, type Answer } from "./answer.js";
import type { Calls } from "./calls.js";
import { isEnd, type StreamEvent } from "./events.js";
import type { components } from "./openapi.js";
import { FrameReader, type Frame } from "./frames.js";
import { pathTo } from "./paths.js";
import { Pause, pauseSeconds } from "./pauses.js";
import { Problem, unanswered } from "./problem.js";
import { endOf, eventsOf } from "./stored.js";
import { wakes } from "./waking.js";
import { Watchdog } from "./watchdog.js";

export interface StreamOptions {
  /** Go on from here: from an answer that was kept, or behind an event's offset. Default: from the start. */
  from?: Answer | number | undefined;
  signal?: AbortSignal | undefined;
  /** How many connections in a row may fail before it gives up. Default: 40, some minutes; `Infinity`: never. */
  attempts?: number | undefined;
  /** After how much silence a connection counts as dead. Default: 25; the server sends a heartbeat after 10. */
  silenceSeconds?: number | undefined;
  /** The connection is lost, and the next attempt is so many seconds away. */
  onLost?: ((problem: Problem, seconds: number) => void) | undefined;
}

type Stored = components["schemas"]["GenerationDetail"];

const PATH = "/api/generations/{id}/stream";
const ATTEMPTS = 40;
const CONNECT_SECONDS = 20;
const SILENCE_SECONDS = 25;
/** When somebody looks again, so much silence is too much. */
const SUSPICIOUS_SECONDS = 12;

/**
 * `for await` gives its events, each once and in order. Whoever breaks off may iterate again later, and goes on where that
 * was. Throws a `Problem` when there is nothing to follow, or no server for too long; what a model's failure says is in the
 * last event and in `answer`.
 */
export class AnswerStream implements AsyncIterable<StreamEvent> {
  /** All that was read so far. Plain data: keep it, and give it to `stream` as `from`, to go on after a reload. */
  answer: Answer;
  readonly #calls: Calls;
  readonly #id: string | null;
  readonly #options: StreamOptions;
  #isRead = false;
  #failures = 0;
  #heardAt = 0;
  #retrySeconds = 1;
  #isHurried = false;
  #request: Watchdog | null = null;
  #pause: Pause | null = null;

  /** Without an id there is nothing to follow: the message gets no answer. */
  constructor(calls: Calls, id: string | null, options: StreamOptions = {}) {
    const { from = 0 } = options;
    this.answer = typeof from === "number" ? { ...UNREAD, last_event_id: from } : { ...UNREAD, ...from };
    const cursor = this.answer.last_event_id;
    if (!Number.isSafeInteger(cursor) || cursor < 0) throw new TypeError(`No offset of an event: ${String(cursor)}`);
    if (id !== null) pathTo(PATH, { id }); // An id that is none is the caller's mistake, and not the network's.
    [this.#calls, this.#id, this.#options] = [calls, id, options];
  }

  /** Reads on to the end. The answer, however it ended: see its `status`. */
  async end(): Promise<Answer> {
    for await (const event of this) void event;
    return this.answer;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    if (this.#isRead) throw new TypeError("Somebody reads this stream already: ask for another one");
    this.#isRead = true;
    const listening = new AbortController();
    wakes({ wake: () => this.#wake(), drop: () => this.#request?.end() }, listening.signal);
    this.#failures = 0;
    try {
      while (this.#id !== null && this.answer.status === "streaming") yield* this.#attempt(this.#id);
    } finally {
      listening.abort();
      this.#isRead = false;
    }
  }

  /** One connection to its end; when that was not the answer's, a pause. */
  async *#attempt(id: string): AsyncGenerator<StreamEvent, void, undefined> {
    let problem = unanswered("The stream broke off");
    try {
      yield* this.#connection(id);
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (!(error instanceof Problem)) throw error;
      problem = error;
    }
    if (this.answer.status === "streaming") await this.#wait(problem);
  }

  async *#connection(id: string): AsyncGenerator<StreamEvent, void, undefined> {
    const request = (this.#request = new Watchdog(this.#options.signal));
    try {
      for await (const event of this.#events(id, request)) {
        this.answer = grown(this.answer, event);
        yield event;
        if (isEnd(event)) return;
        if (request.signal.aborted) throw unanswered("The stream broke off");
      }
    } catch (error) {
      throw request.isSilent ? unanswered("The server fell silent", error) : error;
    } finally {
      request.close();
      request.end();
    }
  }

  /** What follows the cursor: nothing twice, and nothing behind a gap. */
  async *#events(id: string, request: Watchdog): AsyncGenerator<StreamEvent, void, undefined> {
    const response = await this.#open(id, request).catch((error: unknown) => this.#instead(error, id));
    if (Array.isArray(response)) return yield* response;
    if (response.status === 204) return this.#learn(await this.#stored(id));
    for await (const frame of this.#frames(response, request)) {
      const event = frame.event === "heartbeat" ? null : eventOf(frame);
      this.#check(event);
      this.#failures = 0;
      if (event !== null && event.offset[1] > this.answer.last_event_id) yield event;
    }
  }

  async #open(id: string, request: Watchdog): Promise<Response> {
    const cursor = this.answer.last_event_id;
    const headers = { Accept: "text/event-stream", ...(cursor > 0 ? { "Last-Event-ID": String(cursor) } : null) };
    this.#heardAt = Date.now();
    request.expect(CONNECT_SECONDS);
    const opening = this.#calls.open("get", pathTo(PATH, { id }), { headers, signal: request.signal });
    return await opening.finally(() => request.expect(Infinity));
  }

  /** What comes, as it comes. Who reads slowly is not mistaken for a server that is silent. */
  async *#frames(response: Response, request: Watchdog): AsyncGenerator<Frame, void, undefined> {
    if (!/^text\/event-stream\b/i.test(response.headers.get("Content-Type") ?? "") || response.body === null) {
      throw unanswered("The answer is not a stream of llmchat's");
    }
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
      yield* found;
    }
  }

  /** The server sends what follows the cursor: anything else is a fault on the way, or of the server. */
  #check(event: StreamEvent | null): void {
    const had = this.answer.last_event_id;
    if (event !== null && event.offset[1] > had && event.offset[0] !== had + 1) {
      throw unanswered("Something is missing in the stream");
    }
  }

  /** What goes on where the log cannot. */
  async #instead(error: unknown, id: string): Promise<StreamEvent[]> {
    const type = error instanceof Problem ? error.type : "";
    if (type === "log_expired") return eventsOf(await this.#stored(id), this.answer.last_event_id);
    if (type !== "bad_cursor" || this.answer.last_event_id === 0) throw error;
    // The server lost what we have read, with its power or its disk: all of it comes again.
    return [{ type: "reset", offset: [0, 0], attempt: null, reason: "unknown_cursor", text: "" }];
  }

  /** All was read already: nothing more comes, and only the history says how it ended. */
  #learn(stored: Stored): void {
    const { last_event_id } = this.answer;
    this.answer = grown(this.answer, endOf(stored, [last_event_id, last_event_id]));
  }

  #stored(id: string): Promise<Stored> {
    return this.#calls.call("get", "/api/generations/{id}", { path: { id } }, { signal: this.#options.signal });
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

function eventOf({ event: type, data }: Frame): StreamEvent {
  try {
    const said: unknown = JSON.parse(data);
    if (isLogged(said)) return { ...said, type } as StreamEvent;
  } catch (error) {
    throw unanswered("An event of the stream cannot be read", error);
  }
  throw unanswered("An event of the stream has no offset");
}

function isLogged(said: unknown): said is { offset: [number, number] } {
  const offset = said !== null && typeof said === "object" && "offset" in said ? said.offset : null;
  return Array.isArray(offset) && offset.length === 2 && offset.every(Number.isSafeInteger);
}
