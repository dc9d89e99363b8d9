import assert from "node:assert/strict";
import { test } from "node:test";

import { LlmChat, Problem, type StreamEvent, type StreamOptions } from "../src/index.js";
import { delta, finished, frame, json, problem, served, STARTED, stream } from "./server.js";

const HINT = "retry: 10\n\n";
const HEARTBEAT = frame("heartbeat", {});
const STORED = {
  status: "complete",
  text: "all of it",
  reasoning: "hm",
  tool_calls: [{ id: "call_0", name: "look", arguments: "{}" }],
  last_event_id: 9,
  finish_reason: "stop",
  usage: null,
  model: "m",
  error: null,
};

function follow(baseUrl: string, options: StreamOptions = {}) {
  return new LlmChat({ baseUrl }).stream("gen_1", options);
}

async function all(events: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const found: StreamEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

test("goes on behind the last event that came whole", async (t) => {
  const { baseUrl, asked } = await served(
    t,
    stream([HINT + STARTED, delta(2, 3, "one "), delta(4, 4, "two ").slice(0, -3)], "cut"),
    stream([delta(4, 4, "two "), HEARTBEAT]),
    problem(503, "shutting_down"),
    stream([delta(5, 5, "three"), finished(6)]),
  );
  const lost: string[] = [];
  // Only failures in a row count: it comes three times to where it was.
  const following = follow(baseUrl, { attempts: 3, onLost: ({ type }) => lost.push(type) });
  const events = await all(following);
  assert.deepEqual(events.map(({ offset }) => offset[1]), [1, 3, 4, 5, 6]);
  assert.equal(following.answer.text, "one two three");
  assert.deepEqual(asked.map(({ headers }) => headers["last-event-id"]), [undefined, "3", "4", "4"]);
  assert.deepEqual(lost, ["", "", "shutting_down"]);
});

test("nothing comes twice, and nothing is missing", async (t) => {
  const { baseUrl, asked } = await served(
    t,
    stream([HINT, STARTED, delta(2, 3, "one "), delta(2, 3, "one "), delta(6, 6, "four")], "silence"),
    stream([delta(3, 5, "one two three "), HEARTBEAT]),
    stream(["event: delta\ndata: {broken\n\n"]),
    stream(["event: delta\ndata: {}\n\n"]),
    stream([delta(4, 5, "two three "), delta(6, 6, "four"), finished(7)]),
  );
  assert.equal((await follow(baseUrl).end()).text, "one two three four");
  assert.deepEqual(asked.map(({ headers }) => headers["last-event-id"]), [undefined, "3", "3", "3", "3"]);
});

test("silence is a lost connection, a reader who takes his time is none", async (t) => {
  const { baseUrl, asked } = await served(
    t,
    stream([HINT, STARTED], "silence"),
    stream([delta(2, 2, "one "), delta(3, 3, "two"), finished(4)]),
  );
  const following = follow(baseUrl, { silenceSeconds: 0.2 });
  for await (const event of following) {
    if (event.type === "delta") await new Promise((resolve) => setTimeout(resolve, 400));
  }
  assert.equal(following.answer.text, "one two");
  assert.equal(asked.length, 2);
});

test("a page of somebody in between is no stream", async (t) => {
  const portal = json("<html>");
  const busy = json("<html>", 429, { "Content-Type": "text/html" });
  const { baseUrl } = await served(t, stream([HINT]), portal, busy, stream([STARTED, finished(2)]));
  assert.equal((await follow(baseUrl).end()).status, "complete");
});

test("whoever was at the end learns how it ended", async (t) => {
  const { baseUrl, asked } = await served(t, (_, response) => response.writeHead(204).end(), json(STORED));
  const following = follow(baseUrl, { from: 9 });
  assert.deepEqual(await all(following), []);
  assert.equal(following.answer.status, "complete");
  assert.equal(asked[0]?.headers["last-event-id"], "9");
});

test("an answer that was kept whole needs no server", async () => {
  const { answer } = follow("http://127.0.0.1:9");
  const kept = { ...answer, text: "all", last_event_id: 5, status: "complete" as const };
  assert.equal((await follow("http://127.0.0.1:9", { from: kept }).end()).text, "all");
});

test("a cursor that the log does not have begins anew, and says so", async (t) => {
  const { baseUrl, asked } = await served(
    t,
    problem(400, "bad_cursor"),
    stream([STARTED, delta(2, 2, "right"), finished(3)]),
  );
  const following = follow(baseUrl, { from: { ...follow(baseUrl).answer, text: "gone", last_event_id: 7 } });
  const events = await all(following);
  assert.deepEqual(events.map(({ type }) => type), ["reset", "started", "delta", "finished"]);
  assert.equal(following.answer.text, "right");
  assert.deepEqual(asked.map(({ headers }) => headers["last-event-id"]), ["7", undefined]);
});

test("an expired log gives the stored answer", async (t) => {
  const { baseUrl } = await served(t, problem(410, "log_expired"), json(STORED));
  const following = follow(baseUrl, { from: 3 });
  const events = await all(following);
  assert.deepEqual(events.map(({ type }) => type), ["reset", "delta", "tool_call", "finished"]);
  const { text, reasoning, tool_calls, status, last_event_id } = following.answer;
  assert.deepEqual([text, reasoning, status, last_event_id], ["all of it", "hm", "complete", 9]);
  assert.equal(tool_calls[0]?.name, "look");
});

for (const [status, type] of [[401, "unauthenticated"], [404, "not_found"], [400, "bad_cursor"]] as const) {
  test(`${status} ends it at once`, async (t) => {
    const { baseUrl, asked } = await served(t, problem(status, type));
    await assert.rejects(follow(baseUrl).end(), (error) => error instanceof Problem && error.status === status);
    assert.equal(asked.length, 1);
  });
}

test("gives up when there is no server for long", async () => {
  const lost: number[] = [];
  const following = follow("http://127.0.0.1:9", { attempts: 2, onLost: (_, seconds) => lost.push(seconds) });
  await assert.rejects(following.end(), (error) => error instanceof Problem && error.status === 0 && error.isPassing);
  assert.equal(lost.length, 1);
});

test("comes back no earlier than the server asks for", async (t) => {
  const waits: number[] = [];
  const { baseUrl } = await served(t, problem(429, "rate_limited", { "Retry-After": "2" }), stream([STARTED, finished(2)]));
  await follow(baseUrl, { onLost: (_, seconds) => waits.push(seconds) }).end();
  assert.deepEqual(waits, [2]);
});

test("an abort ends it with its reason, wherever it is", async (t) => {
  const { baseUrl } = await served(t, stream([HINT, STARTED, delta(2, 2, "one "), delta(3, 3, "two ")], "silence"));
  const reason = new Error("enough");
  assert.equal(await follow(baseUrl, { signal: AbortSignal.abort(reason) }).end().catch((error) => error), reason);

  const reading = new AbortController();
  const following = follow(baseUrl, { signal: reading.signal });
  const events = following[Symbol.asyncIterator]();
  await events.next();
  await events.next();
  reading.abort(reason);
  assert.equal(await events.next().catch((error) => error), reason);
  assert.equal(following.answer.text, "one ");

  const waiting = new AbortController();
  const options = { signal: waiting.signal, onLost: () => setTimeout(() => waiting.abort(reason)) };
  assert.equal(await follow("http://127.0.0.1:9", options).end().catch((error) => error), reason);
});

test("whoever breaks off may go on later, and nobody reads beside another", async (t) => {
  const { baseUrl, asked } = await served(
    t,
    stream([HINT, STARTED, delta(2, 2, "one ")], "silence"),
    stream([delta(3, 3, "two"), finished(4)]),
  );
  const following = follow(baseUrl);
  for await (const event of following) {
    await assert.rejects(following.end(), TypeError);
    if (event.type === "delta") break;
  }
  assert.equal((await following.end()).text, "one two");
  assert.equal(asked[1]?.headers["last-event-id"], "2");
});

test("a message without an answer has an empty stream, an impossible place none", async (t) => {
  const { baseUrl } = await served(t, problem(500, ""));
  const accepted = { message: {}, reply: null, generation: null, stream_url: null } as never;
  assert.deepEqual(await all(new LlmChat({ baseUrl }).stream(accepted)), []);
  for (const from of [-1, 1.5, NaN]) assert.throws(() => follow(baseUrl, { from }), TypeError);
  for (const id of ["", "..", undefined as never]) assert.throws(() => new LlmChat({ baseUrl }).stream(id), TypeError);
});
