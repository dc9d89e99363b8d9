/** Server-sent events are the same, wherever the network cuts them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameReader } from "../../src/llmchat/static/page/chat/frames.js";

const STREAM = [
  "retry: 1500\n\n",
  ': a comment\n\nevent: delta\ndata: {"text":"a: b"}\n\n',
  "event:heartbeat\r\ndata: {}\r\n\r\n",
  "data: one\ndata: two\rid: 7\r\r",
  "event: nothing\n\n",
  "data\n\n",
].join("");
const FRAMES = [
  { event: "delta", data: '{"text":"a: b"}' },
  { event: "heartbeat", data: "{}" },
  { event: "message", data: "one\ntwo" },
  { event: "message", data: "" },
];

test("whole, in two, and character by character", () => {
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    const reader = new FrameReader();
    assert.deepEqual([...reader.take(STREAM.slice(0, cut)), ...reader.take(STREAM.slice(cut))], FRAMES);
    assert.equal(reader.retryMilliseconds, 1500);
  }
  const reader = new FrameReader();
  assert.deepEqual([...STREAM].flatMap((character) => reader.take(character)), FRAMES);
});

test("what is not complete is not told", () => {
  assert.deepEqual(new FrameReader().take("event: delta\ndata: {}\n"), []);
});
