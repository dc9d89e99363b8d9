/** An answer as far as it was read: plain data, to be shown, kept, and gone on from. */

import type { components } from "./openapi.js";
import type { ProblemJson } from "./problem.js";
import type { StreamEvent, ToolCallPiece } from "./events.js";

type Schemas = components["schemas"];

export interface Answer {
  /** The cursor: how far in the log this is. */
  last_event_id: number;
  text: string;
  /** What a reasoning model thought; never part of the text. */
  reasoning: string;
  /** Whole once the answer has ended. Results name the calls as `generation(id)` has them, where each has an id. */
  tool_calls: ToolCall[];
  message_id: string | null;
  model: string | null;
  /** `streaming` until its end was seen. */
  status: "streaming" | "complete" | "stopped" | "failed" | "interrupted";
  finish_reason: string | null;
  usage: Schemas["Usage"] | null;
  /** Why it failed, or was interrupted. */
  problem: ProblemJson | null;
}

export interface ToolCall {
  index: number;
  /** As the model's server said it: some say none. */
  id: string;
  name: string;
  /** JSON, as far as it came. */
  arguments: string;
}

/** Nothing was read yet. */
export const UNREAD: Answer = Object.freeze({
  last_event_id: 0,
  text: "",
  reasoning: "",
  tool_calls: [],
  message_id: null,
  model: null,
  status: "streaming",
  finish_reason: null,
  usage: null,
  problem: null,
});

/** The answer with this event. */
export function grown(answer: Answer, event: StreamEvent): Answer {
  return { ...answer, ...changes(answer, event), last_event_id: event.offset[1] };
}

function changes(answer: Answer, event: StreamEvent): Partial<Answer> {
  switch (event.type) {
    case "started":
      return { message_id: event.message_id, model: event.model };
    case "delta":
      return event.channel === "reasoning"
        ? { reasoning: answer.reasoning + event.text }
        : { text: answer.text + event.text };
    case "tool_call":
      return { tool_calls: joined(answer.tool_calls, event) };
    case "reset":
      return { text: event.text, reasoning: "", tool_calls: [] };
    case "finished": {
      const { status, finish_reason, usage } = event;
      return { status, finish_reason, usage, model: event.model ?? answer.model };
    }
    case "failed":
      return { status: event.status, problem: event.problem, usage: event.usage };
    default:
      return {}; // One that a newer server knows.
  }
}

/** The calls with this piece of one. */
export function joined(calls: ToolCall[], piece: Omit<ToolCallPiece, "type" | "offset">): ToolCall[] {
  const { index, id, name, arguments: more } = piece;
  const begun = calls.find((call) => call.index === index) ?? { index, id: "", name: "", arguments: "" };
  const call = {
    index,
    id: begun.id || (id ?? ""),
    name: begun.name || (name ?? ""),
    arguments: begun.arguments + more,
  };
  return [...calls.filter((other) => other !== begun), call].sort((one, other) => one.index - other.index);
}
