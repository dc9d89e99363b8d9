import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameReader, type Frame } from "../src/frames.js";

function framesOf(text: string, chars: number): Frame[] {
  const reader = new FrameReader();
  const pieces = text.match(new RegExp(`[^]{1,${chars}}`, "g")) ?? [];
  return pieces.flatMap((piece) => reader.take(piece));
}

const TEXT = [
  ": a comment\n",
  "retry: 1500\n\n",
  "id: 1\nevent: started\ndata: {}\n\n",
  "event: heartbeat\ndata: {}\n\n",
  'id:2\rdata:{"text":\rdata: "ü\u2028\u0085🙂"}\r\r',
  "id: 3\r\nevent: delta\r\ndata\r\n\r\n",
  "event: without data\n\n",
  "id: 4\ndata: the half of",
].join("");

test("frames are the same however they were cut", () => {
  const expected = [
    { event: "started", data: "{}", id: "1" },
    { event: "heartbeat", data: "{}", id: null },
    { event: "message", data: '{"text":\n"ü\u2028\u0085🙂"}', id: "2" },
    { event: "delta", data: "", id: "3" },
  ];
  for (let chars = 1; chars <= TEXT.length; chars += 1) assert.deepEqual(framesOf(TEXT, chars), expected, `${chars}`);
});

test("the server's word on when to come back is kept", () => {
  const reader = new FrameReader();
  reader.take("retry: 1500\n\nretry: soon\n\n");
  assert.equal(reader.retrySeconds, 1.5);
});

test("a line without an end is given up, and long ones are read in no time", () => {
  const reader = new FrameReader();
  const piece = "x".repeat(65536);
  assert.throws(() => {
    for (let pieces = 0; pieces < 600; pieces += 1) reader.take(piece);
  }, /larger than any answer/);
  const long = `data: ${piece.repeat(300)}\n\n`;
  assert.equal(framesOf(long, 16384)[0]?.data.length, 65536 * 300);
});
