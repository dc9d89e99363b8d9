/** The shapes that the parts of the page share: what the API sends, and what the parts give each other. */

import type { Events } from "./events.js";
import type { Problem } from "./api.js";
import type { OpenConversation } from "./chat/conversation.js";
import type { Room } from "./room/room.js";

export type Role = "system" | "user" | "assistant" | "tool";
export type Status = "queued" | "streaming" | "complete" | "stopped" | "failed" | "interrupted";

export interface ProblemJson {
  type: string;
  title: string;
  status: number;
  detail: string;
  request_id?: string | null;
  retry_after_seconds?: number | null;
  generation_id?: string | null;
  errors?: { location: string[]; message: string }[] | null;
}

export type Part =
  | { type: "text"; text: string }
  | { type: "image_url"; image_url: { url: string; detail?: string } };
export type Content = string | Part[];

export interface ToolCall {
  id: string | null;
  name: string | null;
  arguments: string;
}
/** As the API shows a call in a message. */
export interface StoredToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

export interface Usage {
  input_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  cached_tokens: number;
  cost_usd: number | null;
  estimated: boolean;
}
export interface Timing {
  first_token_seconds: number | null;
  reasoning_seconds: number | null;
  total_seconds: number | null;
}
export interface Feedback {
  rating: 1 | -1;
  comment: string | null;
}

export interface Message {
  id: string;
  conversation_id: string;
  parent_id: string | null;
  role: Role;
  /** The user who sent it; null: an answer. */
  author?: string | null;
  content: Content;
  reasoning: string;
  tool_calls: StoredToolCall[];
  tool_call_id: string | null;
  status: Status;
  model: string | null;
  generation_id: string | null;
  usage: Usage | null;
  error: ProblemJson | null;
  siblings: string[];
  created_at: string;
  timing?: Timing | null;
  feedback?: Feedback | null;
  finish_reason?: string | null;
}

export interface Conversation {
  id: string;
  title: string | null;
  /** The first words that somebody said in it, where it has no title. */
  opening?: string | null;
  system_prompt: string | null;
  model: string | null;
  params: Record<string, unknown>;
  metadata: Record<string, unknown>;
  archived: boolean;
  created_at: string;
  updated_at: string;
  pinned?: boolean;
  active_leaf?: string | null;
  role?: "owner" | "editor" | "viewer";
  reply_mode?: "always" | "addressed";
  generating?: boolean;
  /** What it began with. */
  template?: { name: string; version: number } | null;
}

/** What a new conversation is to begin with: a template, and the values that are not its own. */
export interface Beginning {
  name: string;
  /** Who answers, where nobody chooses. */
  model: string | null;
  /** Who was chosen by hand to answer. */
  picked: string | null;
  variables: Record<string, string>;
}

/** How the open conversation's stream is. `idle`: none is open. */
export type Connection = "idle" | "connecting" | "open" | "reconnecting" | "offline" | "restarting";

/** Who is signed in; `key_id` null: nobody needs to be. */
export interface Me {
  user: string;
  scopes: string[];
  key_id: string | null;
}

export interface EventMap {
  place: string | null;
  view: View | null;
  conversation: Conversation;
  /** Its id. */
  made: string;
  template: Beginning | null;
  deleted: string;
  members: string;
  generating: { id: string; generating: boolean };
  "signed-out": Problem;
  "signed-in": null;
  me: Me;
  connection: Connection;
  sent: null;
}

export interface RequestOptions {
  body?: unknown;
  /** Idempotency-Key: the same one again cannot ask twice. */
  key?: string;
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** Until it counts as lost; 0: never. */
  seconds?: number;
}

/** Each one throws a `Problem`; an aborted request throws what `signal` was aborted with. */
export interface Api {
  open(method: string, path: string, options?: RequestOptions): Promise<Response>;
  get(path: string, options?: RequestOptions): Promise<any>;
  post(path: string, body?: unknown, options?: RequestOptions): Promise<any>;
  patch(path: string, body: unknown, options?: RequestOptions): Promise<any>;
  put(path: string, body: unknown, options?: RequestOptions): Promise<any>;
  delete(path: string, options?: RequestOptions): Promise<any>;
}

export type ViewName = "usage" | "admin" | "templates" | "experiments";
/** What is open above the conversation: `of` names one thing in it. */
export interface View {
  name: ViewName;
  of: string | null;
  query: URLSearchParams;
  address: string;
}
/** What the module of a view gives: what to show. When `left` is aborted, it asks for nothing more. */
export interface ViewModule {
  show(app: App, view: View, left: AbortSignal): HTMLElement;
}

export interface Place {
  /** The open conversation's id; null: a new one, which does not exist yet. */
  readonly id: string | null;
  readonly view: View | null;
  /** Opens the view that has this address, such as `#/usage`. */
  show(address: string): void;
  /** The open view has another address from now on; nothing is shown anew. */
  note(address: string): void;
  address(id: string | null): string;
  open(id: string | null, options?: { replace?: boolean }): void;
  /** Tells the first `place`, once everybody listens. */
  begin(): void;
}

/** What the next message is sent with; shell/models.js, settings.js and beginning.js put theirs here. */
export interface Choices {
  /** `model` and `params` of the next send; what is missing is the conversation's own. */
  current(): { model?: string | null; params?: Record<string, unknown> };
  /** What a new conversation is made with, when its first message is sent. */
  draft(): {
    system_prompt?: string | null;
    model?: string | null;
    params?: Record<string, unknown>;
    reply_mode?: "always" | "addressed";
    template?: { name: string; variables: Record<string, string> };
  };
}

export interface App {
  api: Api;
  place: Place;
  events: Events;
  choices: Choices;
  /** The open one: `current` is as the server last told, null when it is new or not loaded yet. */
  conversation: OpenConversation;
  /** The open one as a room of several people. */
  room: Room;
}
