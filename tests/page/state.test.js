/** What a page knows of its conversation is what the server said, once and in order, however it came. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, generating, liveOf, reduce } from "../../src/llmchat/static/page/chat/state.js";

const conversation = { id: "conv_1", title: null, active_leaf: null };

function message(id, parent_id, more = {}) {
  const role = id.startsWith("q") ? "user" : "assistant";
  const made = { id, parent_id, role, content: "", reasoning: "", tool_calls: [], status: "complete" };
  return { ...made, generation_id: null, usage: null, error: null, siblings: [id], ...more };
}

const written = (id, parent_id) => message(id, parent_id, { status: "queued", generation_id: `g_${id}` });
const event = (name, id, offset, more = {}) => ({ event: name, data: { generation_id: `g_${id}`, message_id: id, offset, ...more } });
const started = (id) => event("started", id, [1, 1], { model: "demo/story", attempt: 1 });
const delta = (id, first, last, text, channel = "answer") => event("delta", id, [first, last], { channel, text });
const snapshot = (...generations) => ({ event: "snapshot", data: { conversation, generations } });
const live = (id, text, offset) => ({ id: `g_${id}`, message_id: id, model: "m", text, reasoning: "", tool_calls: [], offset });
const page = (...items) => ({ event: "page", data: { items } });
const told = (found) => ({ event: "message", data: found });
const after = (...events) => events.reduce(reduce, EMPTY);
const textOf = (state, id) => liveOf(state, state.messages.get(id))?.text ?? state.messages.get(id).content;

const begun = [snapshot(), page(message("q1", null), written("a1", "q1")), started("a1")];

test("deltas make the text", () => {
  const state = after(...begun, delta("a1", 2, 3, "one "), delta("a1", 4, 4, "two"), delta("a1", 5, 5, "hm", "reasoning"));
  assert.equal(textOf(state, "a1"), "one two");
  assert.equal(state.live.get("g_a1").reasoning, "hm");
  assert.deepEqual(generating(state), ["g_a1"]);
});

test("what came twice is shown once", () => {
  const state = after(...begun, delta("a1", 2, 3, "one "), delta("a1", 2, 3, "one "), delta("a1", 2, 2, "o"), started("a1"));
  assert.equal(textOf(state, "a1"), "one ");
  assert.equal(state.torn, false);
});

test("behind a gap, or across a seam, nothing is shown", () => {
  for (const wrong of [delta("a1", 5, 5, "five"), delta("a1", 3, 4, "three four"), delta("x", 2, 2, "who?")]) {
    const state = after(...begun, delta("a1", 2, 3, "one "), wrong);
    assert.equal(textOf(state, "a1"), "one ");
    assert.equal(state.torn, true);
  }
});

test("a snapshot mends it", () => {
  const state = after(...begun, delta("a1", 5, 5, "five"), snapshot(live("a1", "one two three", 5)), delta("a1", 6, 6, " four"));
  assert.equal(textOf(state, "a1"), "one two three four");
  assert.equal(state.torn, false);
});

test("a reset takes back all that was there", () => {
  const reset = event("reset", "a1", [5, 5], { attempt: 2, reason: "restarted", text: "new " });
  const state = after(...begun, delta("a1", 2, 3, "hm", "reasoning"), delta("a1", 4, 4, "old"), reset, reset, delta("a1", 6, 6, "text"));
  assert.equal(textOf(state, "a1"), "new text");
  assert.equal(state.live.get("g_a1").reasoning, "");
});

test("the end settles the message, and nothing comes behind it", () => {
  const end = event("finished", "a1", [4, 4], { status: "stopped", finish_reason: null, usage: { output_tokens: 2 } });
  const state = after(...begun, delta("a1", 2, 3, "one"), end, end, delta("a1", 2, 3, "one"));
  const settled = state.messages.get("a1");
  assert.deepEqual([settled.content, settled.status, settled.usage.output_tokens], ["one", "stopped", 2]);
  assert.deepEqual(generating(state), []);
  assert.equal(state.torn, false);
});

test("a failure keeps the text and says why", () => {
  const end = event("failed", "a1", [3, 3], { status: "failed", problem: { title: "No", detail: "" }, usage: null });
  const state = after(...begun, delta("a1", 2, 2, "one"), end);
  assert.deepEqual([textOf(state, "a1"), state.messages.get("a1").error.title], ["one", "No"]);
});

test("a page that is older than an end, or than a message, takes nothing back", () => {
  const end = event("finished", "a1", [2, 2], { status: "complete", finish_reason: "stop", usage: null });
  const next = [told(message("q2", "a1")), told(written("a2", "q2"))];
  const state = after(...begun, end, ...next, page(message("q1", null), written("a1", "q1")));
  assert.deepEqual(state.branch, ["q1", "a1", "q2", "a2"]);
  assert.equal(state.messages.get("a1").status, "complete");
});

test("an end that was missed is in the page", () => {
  const state = after(...begun, delta("a1", 2, 2, "one"), snapshot(), page(message("q1", null), { ...message("a1", "q1"), content: "one two" }));
  assert.equal(textOf(state, "a1"), "one two");
  assert.deepEqual(generating(state), []);
});

test("another version takes the place of the branch, and all versions know of each other", () => {
  const other = { ...written("a1b", "q1"), siblings: ["a1", "a1b"] };
  const state = after(...begun, told(message("q2", "a1")), told(other));
  assert.deepEqual(state.branch, ["q1", "a1b"]);
  assert.deepEqual(state.messages.get("a1").siblings, ["a1", "a1b"]);
});

test("a page that knows of a version and shows another one is right", () => {
  const two = ["a1", "a1b"];
  const state = after(...begun, told({ ...written("a1b", "q1"), siblings: two }), page(message("q1", null), message("a1", "q1", { siblings: two })));
  assert.deepEqual(state.branch, ["q1", "a1"]);
});

test("a message on something unknown asks for another look", () => {
  assert.equal(after(...begun, told(message("q9", "a8"))).torn, true);
});

test("what has no title is called by the first words that somebody said", () => {
  const asked = (text) => told(message("q1", null, { content: text }));
  const opening = (...events) => after(snapshot(), ...events).conversation.opening;
  assert.equal(opening(told(message("a0", null, { content: "hello" }))), undefined);
  assert.equal(opening(asked("  why\n not? "), told(message("q2", "q1", { content: "more" }))), "why not?");
  assert.equal(opening(asked([{ type: "image_url", image_url: { url: "" } }, { type: "text", text: "this" }])), "this");
  assert.equal(opening(asked("🦊".repeat(81))), `${"🦊".repeat(79)}…`);
  assert.equal(after({ event: "snapshot", data: { conversation: { ...conversation, title: "Foxes" }, generations: [] } }, asked("why?")).conversation.opening, undefined);
});

test("older messages go in front, once, and only in front of this branch", () => {
  const end = [snapshot(), page(message("q2", "a1"), message("a2", "q2"))];
  const above = { event: "older", data: { items: [message("q1", null), message("a1", "q1")] } };
  assert.deepEqual(after(...end, above, above).branch, ["q1", "a1", "q2", "a2"]);
  assert.deepEqual(after(...end, { event: "older", data: { items: [message("z", null)] } }).branch, ["q2", "a2"]);
  const later = [told(message("q3", "a2")), page(message("a2", "q2"), message("q3", "a2"))];
  assert.deepEqual(after(...end, above, ...later).branch, ["q1", "a1", "q2", "a2", "q3"]);
});

test("the pieces of a call become one", () => {
  const piece = (at, more) => event("tool_call", "a1", [at, at], { index: 0, id: null, name: null, arguments: "", ...more });
  const end = event("finished", "a1", [5, 5], { status: "complete", finish_reason: "tool_calls", usage: null });
  const state = after(...begun, piece(2, { id: "c1", name: "now" }), piece(3, { arguments: '{"a":' }), piece(4, { arguments: "1}" }), end);
  assert.deepEqual(state.messages.get("a1").tool_calls, [{ id: "c1", type: "function", function: { name: "now", arguments: '{"a":1}' } }]);
});

test("however a stream is cut, repeated and broken off, the text is the log's, once", () => {
  let seed = 7;
  const random = (most) => ((seed = (seed * 48271) % 2147483647), seed % most);
  const words = Array.from({ length: 60 }, (_, place) => `t${place} `);
  for (let world = 0; world < 300; world += 1) {
    let state = after(...begun);
    for (let at = 0; at < words.length; ) {
      const from = Math.max(0, at - random(3) * random(4));
      const to = Math.min(words.length, from + 1 + random(6));
      if (random(8) === 0) {
        state = reduce(state, snapshot(live("a1", words.slice(0, to).join(""), to + 1)));
        at = to;
        continue;
      }
      const gap = random(10) === 0 ? 1 : 0;
      const before = textOf(state, "a1");
      state = reduce(state, delta("a1", from + gap + 2, to + 1, words.slice(from + gap, to).join("")));
      const shown = textOf(state, "a1");
      assert.ok(words.join("").startsWith(shown) && shown.startsWith(before));
      at = state.live.get("g_a1").offset - 1;
      if (state.torn) state = reduce(state, snapshot(live("a1", words.slice(0, at).join(""), at + 1)));
    }
    assert.equal(textOf(state, "a1"), words.join(""));
  }
});
