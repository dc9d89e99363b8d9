/** An answer whose log is gone, out of the history: as the events that a late reader of its log would get. */

import type { components } from "./openapi.js";
import { Problem } from "./problem.js";
import type { Failed, Finished, StreamEvent } from "./events.js";

type Generation = components["schemas"]["GenerationDetail"];

/** All of them are at the end of the log: there is nothing behind. */
export function eventsOf(stored: Generation, cursor: number): StreamEvent[] {
  const end = stored.last_event_id ?? cursor + 1;
  const offset: [number, number] = [end, end];
  const calls = stored.tool_calls.map((call, index) => ({ type: "tool_call" as const, offset, index, ...call }));
  return [
    { type: "reset", offset, attempt: null, reason: "log_expired", text: stored.text },
    ...(stored.reasoning ? [{ type: "delta" as const, offset, channel: "reasoning" as const, text: stored.reasoning }] : []),
    ...calls,
    endOf(stored, offset),
  ];
}

/** How it ended. */
export function endOf(stored: Generation, offset: [number, number]): Finished | Failed {
  const { status, finish_reason, usage, model } = stored;
  switch (status) {
    case "complete":
    case "stopped":
      return { type: "finished", offset, status, finish_reason, usage, model };
    case "failed":
    case "interrupted":
      return { type: "failed", offset, status, problem: stored.error ?? new Problem({ title: "The answer failed" }), usage };
    default:
      throw new Problem({ title: "The answer has no end", detail: `Its status is ${status}, and its log is gone.` });
  }
}
