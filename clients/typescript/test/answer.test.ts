import assert from "node:assert/strict";
import { test } from "node:test";

import { grown, UNREAD, type Answer } from "../src/answer.js";
import type { StreamEvent } from "../src/events.js";

function answerOf(...events: object[]): Answer {
  return events.reduce<Answer>((answer, event, index) => grown(answer, { offset: [index + 1, index + 1], ...event } as StreamEvent), UNREAD);
}

test("texts and thoughts grow side by side", () => {
  const answer = answerOf(
    { type: "started", generation_id: "gen_1", message_id: "msg_1", model: "demo/echo", attempt: 1 },
    { type: "delta", channel: "reasoning", text: "hm" },
    { type: "delta", channel: "answer", text: "You " },
    { type: "delta", channel: "answer", text: "said" },
    { type: "something newer" },
    { type: "finished", status: "complete", finish_reason: "stop", usage: null },
  );
  const { text, reasoning, message_id, model, status, last_event_id } = answer;
  assert.deepEqual([text, reasoning, message_id, model, status], ["You said", "hm", "msg_1", "demo/echo", "complete"]);
  assert.equal(last_event_id, 6);
});

test("a reset takes back all that was shown", () => {
  const call = { type: "tool_call", index: 0, id: "call_1", name: "look", arguments: "{}" };
  const answer = answerOf(
    { type: "delta", channel: "reasoning", text: "hm" },
    { type: "delta", channel: "answer", text: "wrong" },
    call,
    { type: "reset", attempt: 2, reason: "fallback", text: "right" },
  );
  assert.deepEqual([answer.text, answer.reasoning, answer.tool_calls], ["right", "", []]);
});

test("calls are put together by their index, in its order", () => {
  const answer = answerOf(
    { type: "tool_call", index: 7, id: null, name: "look", arguments: "" },
    { type: "tool_call", index: 0, id: "call_1", name: "go", arguments: '{"to":' },
    { type: "tool_call", index: 7, id: null, name: null, arguments: "{}" },
    { type: "tool_call", index: 0, id: null, name: null, arguments: '"sea"}' },
  );
  assert.deepEqual(answer.tool_calls, [
    { index: 0, id: "call_1", name: "go", arguments: '{"to":"sea"}' },
    { index: 7, id: "", name: "look", arguments: "{}" },
  ]);
});

test("a failure says why, and keeps the text", () => {
  const problem = { type: "interrupted", title: "It was interrupted", status: 503, detail: "" };
  const answer = answerOf(
    { type: "delta", channel: "answer", text: "half" },
    { type: "failed", status: "interrupted", problem, usage: null },
  );
  assert.deepEqual([answer.text, answer.status, answer.problem], ["half", "interrupted", problem]);
});
