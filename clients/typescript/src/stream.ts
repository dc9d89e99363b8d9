/** One answer, from its first event to its end, over any number of connections. */

import { grown, UNREAD, type Answer } from "./answer.js";
import type { Calls } from "./calls.js";
import { isNew, loggedOf, type StreamEvent } from "./events.js";
import { saidIn, type Frame } from "./frames.js";
import type { components } from "./openapi.js";
import { pathTo } from "./paths.js";
import { Problem } from "./problem.js";
import { Reading, type ReadingOptions, type Source } from "./reading.js";
import { endOf, eventsOf } from "./stored.js";

export interface StreamOptions extends ReadingOptions {
  /** Go on from here: from an answer that was kept, or behind an event's offset. Default: from the start. */
  from?: Answer | number | undefined;
}

type Stored = components["schemas"]["GenerationDetail"];

const PATH = "/api/generations/{id}/stream";

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
  readonly #signal: AbortSignal | undefined;
  readonly #reading: Reading;

  /** Without an id there is nothing to follow: the message gets no answer. */
  constructor(calls: Calls, id: string | null, options: StreamOptions = {}) {
    const { from = 0 } = options;
    this.answer = typeof from === "number" ? { ...UNREAD, last_event_id: from } : { ...UNREAD, ...from };
    const cursor = this.answer.last_event_id;
    if (!Number.isSafeInteger(cursor) || cursor < 0) throw new TypeError(`No offset of an event: ${String(cursor)}`);
    if (id !== null) pathTo(PATH, { id }); // An id that is none is the caller's mistake, and not the network's.
    [this.#calls, this.#id, this.#signal] = [calls, id, options.signal];
    this.#reading = new Reading(calls, options);
  }

  /** Reads on to the end. The answer, however it ended: see its `status`. */
  async end(): Promise<Answer> {
    for await (const event of this) void event;
    return this.answer;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    const id = this.#id;
    if (id === null) return;
    const isOver = () => this.answer.status !== "streaming";
    const source: Source<StreamEvent> = { connection: () => this.#connection(id), isOver };
    yield* this.#reading.events(source);
  }

  async *#connection(id: string): AsyncGenerator<StreamEvent, void, undefined> {
    for await (const event of this.#events(id)) {
      this.answer = grown(this.answer, event);
      yield event;
    }
  }

  /** What follows the cursor: nothing twice, and nothing behind a gap. */
  async *#events(id: string): AsyncGenerator<StreamEvent, void, undefined> {
    const response = await this.#open(id).catch((error: unknown) => this.#instead(error, id));
    if (Array.isArray(response)) return yield* response;
    if (response.status === 204) return this.#learn(await this.#stored(id));
    for await (const frame of this.#reading.frames(response)) {
      const event = frame.event === "heartbeat" ? null : eventOf(frame);
      if (event !== null && isNew(event, this.answer.last_event_id)) yield event;
    }
  }

  #open(id: string): Promise<Response> {
    const cursor = this.answer.last_event_id;
    return this.#reading.open(pathTo(PATH, { id }), cursor > 0 ? { "Last-Event-ID": String(cursor) } : {});
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
    return this.#calls.call("get", "/api/generations/{id}", { path: { id } }, { signal: this.#signal });
  }
}

function eventOf(frame: Frame): StreamEvent {
  return { ...loggedOf(saidIn(frame)), type: frame.event } as StreamEvent;
}
