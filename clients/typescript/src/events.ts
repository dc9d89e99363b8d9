/** What a generation's stream says, as docs/clients.md of the server has it. */

import type { components } from "./openapi.js";
import { unanswered, type ProblemJson } from "./problem.js";

type Usage = components["schemas"]["Usage"];

export interface Logged {
  /** The first and the last event of the log that this one covers: the first is always the last one before plus one. */
  offset: [number, number];
}

/** The generation has begun. */
export interface Started extends Logged {
  type: "started";
  generation_id: string;
  message_id: string;
  model: string;
  attempt: number;
}

/** More text. How it is cut says nothing. */
export interface Delta extends Logged {
  type: "delta";
  channel: "answer" | "reasoning";
  text: string;
}

/** A piece of a call: the first of an `index` has `id` and `name`, the `arguments` go on in the others. */
export interface ToolCallPiece extends Logged {
  type: "tool_call";
  index: number;
  id: string | null;
  name: string | null;
  arguments: string;
}

/** Drop what you have of this answer, and go on from `text`. */
export interface Reset extends Logged {
  type: "reset";
  /** Null: the same one, from its start or out of the history. */
  attempt: number | null;
  /** Why, for logs; `unknown_cursor` and `log_expired` are this client's own. */
  reason: string;
  text: string;
}

/** The end of an answer that is whole, or that was stopped. */
export interface Finished extends Logged {
  type: "finished";
  status: "complete" | "stopped";
  finish_reason: string | null;
  usage: Usage | null;
  model?: string;
}

/** The end of one that is not: what came of its text stays. */
export interface Failed extends Logged {
  type: "failed";
  status: "failed" | "interrupted";
  problem: ProblemJson;
  usage: Usage | null;
}

/** `started`, then any number of `delta`, `tool_call` and `reset`, then one `finished` or `failed`. */
export type StreamEvent = Started | Delta | ToolCallPiece | Reset | Finished | Failed;

/** What was said, as an event of a log. Throws a `Problem` for what is none. */
export function loggedOf(said: object): Logged {
  const offset = "offset" in said ? said.offset : null;
  const isLogged = Array.isArray(offset) && offset.length === 2 && offset.every(Number.isSafeInteger);
  if (!isLogged) throw unanswered("An event of the stream has no offset");
  return said as Logged;
}

/** Whether it follows the cursor; false when it came before. Throws a `Problem` when something is missing between them. */
export function isNew({ offset: [first, last] }: Logged, cursor: number): boolean {
  if (last <= cursor) return false;
  if (first !== cursor + 1) throw unanswered("Something is missing in the stream");
  return true;
}
