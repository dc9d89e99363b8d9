import assert from "node:assert/strict";
import { test } from "node:test";

import { LlmChat, Problem, type ConversationEvent, type ReadingOptions } from "../src/index.js";
import { problem, served, stream } from "./server.js";

const HINT = "retry: 10\n\n";
const HEARTBEAT = said("heartbeat", {});

function said(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function delta(generation_id: string, first: number, last: number, text: string): string {
  return said("delta", { generation_id, offset: [first, last], channel: "answer", text });
}

function started(generation_id: string): string {
  return said("started", { generation_id, offset: [1, 1], message_id: "msg_2", model: "m", attempt: 1 });
}

function finished(generation_id: string, at: number): string {
  return said("finished", { generation_id, offset: [at, at], status: "complete", finish_reason: "stop", usage: null });
}

function snapshot(title: string, ...generations: object[]): string {
  return said("snapshot", { conversation: { id: "conv_1", title }, generations });
}

const LIVE = { id: "gen_1", message_id: "msg_2", model: "m", text: "one ", reasoning: "", tool_calls: [{ index: 7, id: null, name: "look", arguments: "{" }], offset: 3 };
const TYPING = said("typing", { user: "ann", typing: true });
const DELETED = said("conversation", { deleted: true });

function watch(baseUrl: string, options: ReadingOptions = {}) {
  return new LlmChat({ baseUrl }).watch("conv_1", options);
}

async function all(events: AsyncIterable<ConversationEvent>): Promise<ConversationEvent[]> {
  const found: ConversationEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

test("tells all that happens, and what an answer has become", async (t) => {
  const { baseUrl, asked } = await served(
    t,
    stream([
      HINT + snapshot("Foxes"),
      said("message", { id: "msg_1", role: "user", content: "hello" }) + started("gen_1"),
      HEARTBEAT + delta("gen_1", 2, 3, "one ") + delta("gen_1", 4, 4, "two"),
      TYPING + said("something newer", { seven: 7 }) + said("rated", { generation_id: "gen_1", stars: 5 }),
      said("conversation", { id: "conv_1", title: "Hens" }) + finished("gen_1", 5) + DELETED,
    ]),
  );
  const watching = watch(baseUrl);
  assert.equal(watching.conversation, null);
  const events = await all(watching);
  assert.deepEqual(events.map(({ type }) => type), [
    ...["snapshot", "message", "started", "delta", "delta", "typing", "something newer", "rated", "conversation", "finished", "deleted"],
  ]);
  assert.deepEqual(events[1], { type: "message", message: { id: "msg_1", role: "user", content: "hello" } });
  assert.deepEqual(events[5], { type: "typing", user: "ann", typing: true });
  assert.equal(watching.conversation?.["title"], "Hens");
  const { text, status, message_id } = watching.answers.get("gen_1")!;
  assert.deepEqual([text, status, message_id], ["one two", "complete", "msg_2"]);
  assert.deepEqual([asked[0]?.url, asked.length], ["/api/conversations/conv_1/stream", 1]);
  assert.deepEqual(await all(watching), []); // It is deleted: nobody asks again.
});

test("a lost connection is followed by another one, which begins with what is", async (t) => {
  const { baseUrl, asked } = await served(
    t,
    stream([HINT + snapshot("Foxes"), started("gen_1") + delta("gen_1", 2, 2, "on")], "cut"),
    problem(503, "shutting_down"),
    stream([HINT + snapshot("Foxes", LIVE), delta("gen_1", 4, 4, "two"), finished("gen_1", 5), DELETED]),
  );
  const lost: string[] = [];
  const watching = watch(baseUrl, { attempts: 3, onLost: ({ type }) => lost.push(type) });
  const events = await all(watching);
  assert.deepEqual(events.map(({ type }) => type), [
    ...["snapshot", "started", "delta", "snapshot", "delta", "finished", "deleted"],
  ]);
  const { text, tool_calls } = watching.answers.get("gen_1")!;
  assert.deepEqual([text, tool_calls], ["one two", [{ index: 7, id: "", name: "look", arguments: "{" }]]);
  assert.deepEqual(lost, ["", "shutting_down"]);
  assert.deepEqual(asked.map(({ headers }) => headers["last-event-id"]), [undefined, undefined, undefined]);
});

test("what is told twice comes once, and a gap or nonsense is a lost connection", async (t) => {
  const twice = started("gen_1") + TYPING;
  const gap = delta("gen_2", 2, 2, "four");
  const { baseUrl, asked } = await served(
    t,
    stream([HINT + snapshot("Foxes", LIVE), delta("gen_1", 4, 4, "two"), finished("gen_1", 5), twice, gap]),
    stream([snapshot("Foxes", LIVE), "event: delta\ndata: {broken\n\n"]),
    stream([snapshot("Foxes", LIVE), said("delta", { generation_id: "gen_1", offset: 4, text: "two" })]),
    stream([snapshot("Foxes", LIVE), "event: message\ndata: null\n\n"]),
    stream([snapshot("Foxes") + snapshot("Hens") + DELETED]),
  );
  const watching = watch(baseUrl);
  const events = await all(watching);
  assert.deepEqual(events.map(({ type }) => type), [
    ...["snapshot", "delta", "finished", "typing", "snapshot", "snapshot", "snapshot", "snapshot", "snapshot", "deleted"],
  ]);
  assert.deepEqual([asked.length, watching.answers.size], [5, 0]);
});

test("a watch that only ever breaks is given up, and one that tells something is not", async (t) => {
  const broken = stream([HINT + snapshot("Foxes"), delta("gen_1", 7, 7, "X")]);
  const breaking = await served(t, broken, broken, broken, stream([snapshot("Foxes") + DELETED]));
  await assert.rejects(all(watch(breaking.baseUrl, { attempts: 3 })), Problem);
  assert.equal(breaking.asked.length, 3);
  const telling = Array.from({ length: 5 }, (_, turn) => stream([HINT + snapshot("Foxes"), turn % 2 ? HEARTBEAT : TYPING]));
  const { baseUrl, asked } = await served(t, ...telling, stream([snapshot("Foxes") + DELETED]));
  await all(watch(baseUrl, { attempts: 2 }));
  assert.equal(asked.length, 6);
});

test("silence is a lost connection", async (t) => {
  const { baseUrl, asked } = await served(t, stream([HINT + snapshot("Foxes")], "silence"), stream([snapshot("Foxes") + DELETED]));
  const events = await all(watch(baseUrl, { silenceSeconds: 1 }));
  assert.deepEqual([events.map(({ type }) => type), asked.length], [["snapshot", "snapshot", "deleted"], 2]);
});

test("heartbeats are no silence", async (t) => {
  const beating = (_: unknown, response: import("node:http").ServerResponse) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" }).write(HINT + snapshot("Foxes"));
    let beats = 0;
    const timer = setInterval(() => {
      response.write((beats += 1) < 14 ? HEARTBEAT : DELETED);
      if (beats === 14) clearInterval(timer);
    }, 250);
    response.on("close", () => clearInterval(timer));
  };
  const { baseUrl, asked } = await served(t, beating);
  const events = await all(watch(baseUrl, { silenceSeconds: 3 }));
  assert.deepEqual([events.map(({ type }) => type), asked.length], [["snapshot", "deleted"], 1]);
});

for (const [status, type] of [[401, "unauthenticated"], [403, "forbidden"], [404, "not_found"]] as const) {
  test(`${status} ends it at once, also after a lost connection`, async (t) => {
    const { baseUrl, asked } = await served(t, stream([HINT + snapshot("Foxes")]), problem(status, type));
    const isRefused = (error: unknown) => error instanceof Problem && error.status === status && error.type === type;
    await assert.rejects(all(watch(baseUrl)), isRefused);
    assert.equal(asked.length, 2);
  });
}

test("an abort ends it with its reason, and whoever leaves may come back", async (t) => {
  const { baseUrl, asked } = await served(t, stream([HINT + snapshot("Foxes", LIVE)], "silence"));
  const watching = watch(baseUrl);
  for await (const event of watching) if (event.type === "snapshot") break;
  for await (const event of watching) if (event.type === "snapshot") break;
  assert.equal(asked.length, 2);
  const [reason, leaving] = [new Error("enough"), new AbortController()];
  const events = watch(baseUrl, { signal: leaving.signal })[Symbol.asyncIterator]();
  await events.next();
  setTimeout(() => leaving.abort(reason), 20);
  assert.equal(await events.next().catch((error) => error), reason);
});

test("an id that is none is the caller's mistake", () => {
  for (const id of ["", ".."]) assert.throws(() => new LlmChat({ baseUrl: "http://127.0.0.1:9" }).watch(id), TypeError);
});
