/** Everything that this package can ask a server for. */

import { Calls, type CallOptions, type Options } from "./calls.js";
import type { components } from "./openapi.js";
import type { ReadingOptions } from "./reading.js";
import { AnswerStream, type StreamOptions } from "./stream.js";
import { ConversationWatch } from "./watch.js";

type Schemas = components["schemas"];
type Message = Schemas["Message"];
type Accepted = Schemas["Accepted"];

/** What a request says goes by the API's own names, `on_busy`; how it is made, by JavaScript's, `timeoutSeconds`. */
type Saying<T, Without extends keyof T> = Omit<T, Without> & CallOptions;

/** The server does not know the same message twice, however often an answer got lost: by its key. */
interface Once {
  /** `Idempotency-Key`. Keep your own over a reload, and a message that is sent again then is the same. */
  key?: string | undefined;
}

export type ChatOptions = Saying<Schemas["Chat"], "messages">;
export type SessionOptions = Saying<Schemas["SessionChat"], "session_id" | "message"> & Once;
export type SendOptions = Saying<Schemas["NewMessage"], "content"> & Once;
export type RegenerateOptions = Saying<Schemas["Regenerate"], never> & Once;
export type ContinueOptions = Saying<Schemas["Continue"], never> & Once;
export type PageOptions = CallOptions & { limit?: number | undefined; cursor?: string | undefined };

/** The server ends an answer after half an hour. */
const WHOLE_ANSWER_SECONDS = 31 * 60;
const PAGE = 200;

/**
 * A server of llmchat's. Calls reject with a `Problem`, or with the reason of their `signal`; what is safe to ask again is
 * asked again when the network or the server fails for a moment.
 */
export class LlmChat {
  readonly #calls: Calls;
  readonly #timeoutSeconds: number;

  constructor(options: Options = {}) {
    this.#calls = new Calls(options);
    this.#timeoutSeconds = options.timeoutSeconds ?? WHOLE_ANSWER_SECONDS;
  }

  /** How the service is. */
  health(options: CallOptions = {}): Promise<Schemas["Health"]> {
    return this.#calls.call("get", "/health", {}, options);
  }

  /** How the models' servers are: each is asked now. */
  modelHealth(options: CallOptions = {}): Promise<Schemas["ModelsHealth"]> {
    return this.#calls.call("get", "/api/llm/health", {}, options);
  }

  /** What can answer, and what answers a request that names no model. */
  models(options: CallOptions = {}): Promise<Schemas["ModelList"]> {
    return this.#calls.call("get", "/api/llm/models", {}, options);
  }

  /** Answers a text, or messages. Nothing is stored: you keep the conversation. */
  chat(asked: string | Schemas["Chat"]["messages"], options: ChatOptions = {}): Promise<Schemas["Chatted"]> {
    const [said, manner] = parted(options);
    const messages = typeof asked === "string" ? [{ role: "user" as const, content: asked }] : asked;
    return this.#calls.call("post", "/api/llm/chat", { body: { messages, ...said } }, this.#waiting(manner));
  }

  /** Says something in a session, which has a name of your own and begins when it is new; waits for the whole answer. */
  sessionChat(session_id: string, message: string, options: SessionOptions = {}): Promise<Schemas["SessionAnswer"]> {
    const [said, manner] = parted(options);
    const body = { session_id, message, ...said };
    return this.#calls.call("post", "/api/llm/chat/session", { body }, this.#waiting(once(manner)));
  }

  /** The messages of a session, the oldest first, at most a thousand. */
  async history(session_id: string, options: CallOptions & { limit?: number } = {}): Promise<Message[]> {
    const { limit, ...manner } = options;
    const given = { path: { id: session_id }, query: limit === undefined ? {} : { limit } };
    return (await this.#calls.call("get", "/api/llm/chat/session/{id}/history", given, manner)).messages;
  }

  /** Removes the messages of a session; its name and its system prompt stay. */
  clear(session_id: string, options: CallOptions = {}): Promise<void> {
    return this.#calls.call("delete", "/api/llm/chat/session/{id}/history", { path: { id: session_id } }, options);
  }

  /** Begins a conversation. */
  createConversation(
    fields: Schemas["NewConversation"] = {},
    options: CallOptions = {},
  ): Promise<Schemas["ConversationDetail"]> {
    return this.#calls.call("post", "/api/conversations", { body: fields }, options);
  }

  /** A page of your conversations, the newest first. */
  conversations({ limit, cursor, ...options }: PageOptions = {}): Promise<Schemas["ConversationPage"]> {
    const query = { ...(limit === undefined ? null : { limit }), ...(cursor === undefined ? null : { cursor }) };
    return this.#calls.call("get", "/api/conversations", { query }, options);
  }

  /** A conversation, with what is being written in it. */
  conversation(id: string, options: CallOptions = {}): Promise<Schemas["ConversationDetail"]> {
    return this.#calls.call("get", "/api/conversations/{id}", { path: { id } }, options);
  }

  /** All messages of a conversation's active branch, or of the one that ends at `leaf`, the oldest first. */
  async messages(id: string, { leaf, ...options }: CallOptions & { leaf?: string } = {}): Promise<Message[]> {
    const found: Message[] = [];
    for (let cursor: string | null = null; ; ) {
      const query = { limit: PAGE, cursor, ...(leaf === undefined ? null : { leaf }) };
      const given = { path: { id }, query };
      const page: Schemas["MessagePage"] = await this.#calls.call(
        "get",
        "/api/conversations/{id}/messages",
        given,
        options,
      );
      found.push(...page.items);
      if (page.next_cursor === null) return found;
      cursor = page.next_cursor;
    }
  }

  /** Says something in a conversation. Answers before the first token: give it to `stream`. */
  send(conversation_id: string, content: Schemas["NewMessage"]["content"], options: SendOptions = {}): Promise<Accepted> {
    const [said, manner] = parted(options);
    const given = { path: { id: conversation_id }, body: { content: content ?? null, ...said } };
    return this.#calls.call("post", "/api/conversations/{id}/messages", given, once(manner));
  }

  /** Another answer to the same question, beside this one. */
  regenerate(message_id: string, options: RegenerateOptions = {}): Promise<Accepted> {
    const [body, manner] = parted(options);
    return this.#calls.call("post", "/api/messages/{id}/regenerate", { path: { id: message_id }, body }, once(manner));
  }

  /** Goes on with an answer that was stopped, interrupted, or cut by its length. */
  continue(message_id: string, options: ContinueOptions = {}): Promise<Accepted> {
    const [body, manner] = parted(options);
    return this.#calls.call("post", "/api/messages/{id}/continue", { path: { id: message_id }, body }, once(manner));
  }

  /** How a generation stands, with its text so far. */
  generation(id: string, options: CallOptions = {}): Promise<Schemas["GenerationDetail"]> {
    return this.#calls.call("get", "/api/generations/{id}", { path: { id } }, options);
  }

  /** Ends a generation; what it has written stays. Whoever only wants to read no more leaves the stream instead. */
  stop(generation_id: string, options: CallOptions = {}): Promise<Schemas["Stopped"]> {
    const given = { path: { id: generation_id } };
    return this.#calls.call("post", "/api/generations/{id}/stop", given, { ...options, isIdempotent: true });
  }

  /**
   * Follows an answer to its end: replays what there is, goes on live, and comes back by itself to where it was when the
   * network breaks, the server restarts, or the page was asleep. Takes what `send` gave, or a generation's id.
   */
  stream(followed: string | Accepted, options: StreamOptions = {}): AnswerStream {
    const id = typeof followed === "string" ? followed : (followed.generation?.id ?? null);
    return new AnswerStream(this.#calls, id, options);
  }

  /**
   * Follows a whole conversation, for as long as you like: who says what, every answer as it is written, changes of its title
   * and settings, who types. It begins with a snapshot, and comes back by itself with a new one. What was said before, and
   * while it was away, has `messages`.
   */
  watch(conversation_id: string, options: ReadingOptions = {}): ConversationWatch {
    return new ConversationWatch(this.#calls, conversation_id, options);
  }

  #waiting<T extends CallOptions>(manner: T): T {
    return { ...manner, timeoutSeconds: manner.timeoutSeconds ?? this.#timeoutSeconds };
  }
}

/** What a request says, and how it is made. */
function parted<T extends CallOptions & Once>(options: T) {
  const { signal, timeoutSeconds, key, ...said } = options;
  return [said, { signal, timeoutSeconds, key }] as const;
}

function once<T extends Once>(manner: T): T & { key: string } {
  return { ...manner, key: manner.key ?? newKey() };
}

/** Unlike `crypto.randomUUID`, it works on a page that came by plain HTTP. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join("-");
}
