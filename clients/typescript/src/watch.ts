/** A conversation as it happens, over any number of connections. */

import { grown, joined, UNREAD, type Answer } from "./answer.js";
import type { Calls } from "./calls.js";
import { isNew, loggedOf, type StreamEvent, type ToolCallPiece } from "./events.js";
import { saidIn, type Frame } from "./frames.js";
import type { components } from "./openapi.js";
import { pathTo } from "./paths.js";
import { Reading, type ReadingOptions } from "./reading.js";

type Schemas = components["schemas"];

/** Its title and settings. */
export type Conversation = Omit<Schemas["ConversationDetail"], "active_generations">;

/** An answer that is being written, up to `offset`: what follows comes as events. */
export interface LiveGeneration {
  id: string;
  message_id: string;
  model: string;
  text: string;
  reasoning: string;
  tool_calls: Omit<ToolCallPiece, "type" | "offset">[];
  offset: number;
}

/** How it is now: the first event, and the first of each connection. What was told before may have changed since. */
export interface Snapshot {
  type: "snapshot";
  conversation: Conversation;
  generations: LiveGeneration[];
}

/** Somebody said something; or an answer has its place now, and is still empty. */
export interface MessageAdded {
  type: "message";
  message: Schemas["Message"];
}

/** Its title or its settings have changed. */
export interface ConversationChanged {
  type: "conversation";
  conversation: Conversation;
}

/** The last event of all. */
export interface ConversationDeleted {
  type: "deleted";
}

/** Somebody who is in the conversation by a socket (docs/websocket.md) has begun to type, or has ended. */
export interface Typing {
  type: "typing";
  user: string;
  typing: boolean;
}

/** What the stream of that generation says. */
export type AnswerEvent = StreamEvent & { generation_id: string };

export type ConversationEvent =
  | Snapshot
  | MessageAdded
  | ConversationChanged
  | ConversationDeleted
  | Typing
  | AnswerEvent;

const PATH = "/api/conversations/{id}/stream";

/**
 * `for await` gives its events, whoever causes them, until the conversation is deleted, you leave, or the `signal` is aborted.
 * A lost connection is followed by another one, which begins with a new snapshot. Throws a `Problem` when there is no such
 * conversation (any more, for you), when the key is bad, and when there is no server for too long.
 */
export class ConversationWatch implements AsyncIterable<ConversationEvent> {
  /** As it was last told; null until the first snapshot. */
  conversation: Conversation | null = null;
  readonly #path: string;
  readonly #reading: Reading;
  readonly #answers = new Map<string, Answer>();
  #isDeleted = false;

  constructor(calls: Calls, id: string, options: ReadingOptions = {}) {
    this.#path = pathTo(PATH, { id });
    this.#reading = new Reading(calls, options);
  }

  /** The answers that the last snapshot had, and those that have begun since, by generation: each as far as it was told. */
  get answers(): ReadonlyMap<string, Answer> {
    return this.#answers;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConversationEvent, void, undefined> {
    yield* this.#reading.events({ connection: () => this.#connection(), isOver: () => this.#isDeleted });
  }

  async *#connection(): AsyncGenerator<ConversationEvent, void, undefined> {
    for await (const frame of this.#reading.frames(await this.#reading.open(this.#path))) {
      if (frame.event === "heartbeat") continue;
      const event = eventOf(frame);
      if (this.#isTaken(event)) yield event;
    }
  }

  /** False for what was told already: an answer that ended while the snapshot was made can be told once more. */
  #isTaken(event: ConversationEvent): boolean {
    if ("generation_id" in event && "offset" in event) return this.#isGrown(event);
    if (event.type === "snapshot") this.#begin(event);
    else if (event.type === "conversation") this.conversation = event.conversation;
    else if (event.type === "deleted") this.#isDeleted = true;
    return true;
  }

  #begin({ conversation, generations }: Snapshot): void {
    this.conversation = conversation;
    this.#answers.clear();
    for (const { id, offset, tool_calls, ...told } of generations) {
      const calls = tool_calls.reduce(joined, []);
      this.#answers.set(id, { ...UNREAD, ...told, tool_calls: calls, last_event_id: offset });
    }
  }

  #isGrown(event: AnswerEvent): boolean {
    const answer = this.#answers.get(event.generation_id) ?? UNREAD;
    if (!isNew(event, answer.last_event_id)) return false;
    this.#answers.set(event.generation_id, grown(answer, event));
    return true;
  }
}

function eventOf(frame: Frame): ConversationEvent {
  const said = saidIn(frame);
  if (frame.event === "message") return { type: "message", message: said as Schemas["Message"] };
  if (frame.event === "conversation") {
    return "deleted" in said ? { type: "deleted" } : { type: "conversation", conversation: said as Conversation };
  }
  const known = "generation_id" in said && "offset" in said ? loggedOf(said) : said;
  return { ...known, type: frame.event } as ConversationEvent; // One that a newer server knows, too.
}
