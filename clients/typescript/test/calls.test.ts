import assert from "node:assert/strict";
import { test } from "node:test";

import { LlmChat, Problem } from "../src/index.js";
import { json, problem, served, type Turn } from "./server.js";

const CUT: Turn = (_, response) => response.destroy();
const SILENT: Turn = () => undefined;

function isProblem(status: number, type = "") {
  return (error: unknown) => error instanceof Problem && error.status === status && error.type === type;
}

test("a send whose answer was lost is sent again with the same key", async (t) => {
  const { baseUrl, asked } = await served(t, CUT, problem(503, "storage_unavailable"), json({ message: { id: "msg_1" } }, 202));
  await new LlmChat({ baseUrl }).send("conv_1", "hello", { model: "demo/echo", on_busy: "queue" });
  const keys = asked.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
  assert.match(String(keys[0]), /^[\x21-\x7e]{16,255}$/);
  const bodies = asked.map(({ body }) => JSON.parse(body));
  assert.deepEqual(bodies, Array(3).fill({ content: "hello", model: "demo/echo", on_busy: "queue" }));
});

test("two sends have two keys, and one may bring its own", async (t) => {
  const { baseUrl, asked } = await served(t, json({}, 202));
  const llm = new LlmChat({ baseUrl });
  for (const key of [undefined, undefined, "mine"]) await llm.send("conv_1", "hello", { key });
  const [first, second, third] = asked.map(({ headers }) => headers["idempotency-key"]);
  assert.notEqual(first, second);
  assert.equal(third, "mine");
});

test("what is not safe to ask again is not asked again", async (t) => {
  const { baseUrl, asked } = await served(t, CUT);
  const llm = new LlmChat({ baseUrl });
  await assert.rejects(llm.chat("hello"), isProblem(0));
  await assert.rejects(llm.createConversation(), isProblem(0));
  assert.equal(asked.length, 2);
});

test("what became of an answer is not asked for again", async (t) => {
  const { baseUrl, asked } = await served(t, problem(503, "interrupted"));
  await assert.rejects(new LlmChat({ baseUrl }).sessionChat("fox", "hello"), isProblem(503, "interrupted"));
  assert.equal(asked.length, 1);
});

test("a wait that the server asks for is kept, or told when it is long", async (t) => {
  const soon = problem(429, "rate_limited", { "Retry-After": "1" });
  const { baseUrl, asked } = await served(t, soon, json({ items: [] }), problem(429, "rate_limited", { "Retry-After": "60" }));
  const llm = new LlmChat({ baseUrl });
  const before = performance.now();
  await llm.chat("hello");
  assert.ok(performance.now() - before > 990);
  const told = await llm.models().catch((error) => error);
  assert.ok(isProblem(429, "rate_limited")(told));
  assert.equal(told.retry_after_seconds, 60);
  assert.equal(asked.length, 3);
});

test("a problem has all that the server said", async (t) => {
  const errors = [{ location: ["body", "content"], message: "Field required" }];
  const said = { type: "invalid", title: "It is invalid", status: 422, detail: "body.content", errors, request_id: "req_1" };
  const { baseUrl } = await served(t, json(said, 422, { "Content-Type": "application/problem+json" }));
  const told: Problem = await new LlmChat({ baseUrl }).health().catch((error) => error);
  assert.ok(told instanceof Error);
  assert.deepEqual(JSON.parse(JSON.stringify(told)), {
    ...said,
    name: "Problem",
    instance: null,
    retry_after_seconds: null,
    generation_id: null,
  });
  assert.equal(told.message, "It is invalid. body.content");
  assert.equal(told.isPassing, false);
});

test("an error page of a proxy is a problem, too, and another attempt is made", async (t) => {
  const page: Turn = (_, response) => response.writeHead(502, { "Content-Type": "text/html" }).end("<h1>Bad gateway</h1>");
  const { baseUrl, asked } = await served(t, page, json({ status: "ok" }), page);
  const llm = new LlmChat({ baseUrl, attempts: 2 });
  assert.equal((await llm.health()).status, "ok");
  await assert.rejects(llm.health(), isProblem(502));
  assert.equal(asked.length, 4);
});

test("an answer that is none of llmchat's is no answer", async (t) => {
  const { baseUrl } = await served(t, (_, response) => response.end("<html>"));
  await assert.rejects(new LlmChat({ baseUrl, attempts: 1 }).health(), isProblem(0));
});

test("a server that says nothing is not waited for", async (t) => {
  const { baseUrl, asked } = await served(t, SILENT);
  const llm = new LlmChat({ baseUrl, attempts: 2, timeoutSeconds: 0.1 });
  await assert.rejects(llm.health(), /did not answer in time/);
  assert.equal(asked.length, 2);
  await assert.rejects(new LlmChat({ baseUrl }).chat("hello", { timeoutSeconds: 0.1 }), /did not answer in time/);
});

test("an abort ends a call with its reason", async (t) => {
  const { baseUrl } = await served(t, SILENT);
  const controller = new AbortController();
  const waiting = new LlmChat({ baseUrl }).health({ signal: controller.signal });
  const reason = new Error("enough");
  setTimeout(() => controller.abort(reason), 50);
  assert.equal(await waiting.catch((error) => error), reason);
});

test("keys may change, and headers are added", async (t) => {
  const { baseUrl, asked } = await served(t, json({}));
  let number = 0;
  const apiKey = async () => `key-${(number += 1)}`;
  const llm = new LlmChat({ baseUrl: `${baseUrl}/behind/a/proxy/`, apiKey, headers: { "X-Request-ID": "mine" } });
  await llm.health();
  await llm.models();
  assert.deepEqual(asked.map(({ headers }) => headers.authorization), ["Bearer key-1", "Bearer key-2"]);
  assert.equal(asked[0]?.headers["x-request-id"], "mine");
  assert.equal(asked[1]?.url, "/behind/a/proxy/api/llm/models");
});

test("a key that is none is the caller's mistake, and not the network's", async (t) => {
  const { baseUrl, asked } = await served(t, json({}));
  for (const apiKey of ["sk-llmchat-…", "two\nlines"]) {
    const llm = new LlmChat({ baseUrl, apiKey });
    await assert.rejects(llm.health(), TypeError);
    await assert.rejects(llm.stream("gen_1").end(), TypeError);
  }
  assert.equal(asked.length, 0);
});

test("names stay names in a path", async (t) => {
  const { baseUrl, asked } = await served(t, json({ messages: [] }));
  const llm = new LlmChat({ baseUrl });
  await llm.history("a/b?c#d é");
  assert.equal(asked[0]?.url, "/api/llm/chat/session/a%2Fb%3Fc%23d%20%C3%A9/history");
  for (const name of ["", ".", ".."]) await assert.rejects(llm.clear(name), TypeError);
  assert.equal(asked.length, 1);
});

test("Node has to be told where the server is, and everybody by an address", () => {
  assert.throws(() => new LlmChat(), /new LlmChat\(\{ baseUrl/);
  for (const baseUrl of ["", "/chat", "localhost:8000", "127.0.0.1:8000", "ftp://localhost", "http://", "http://a b"]) {
    assert.throws(() => new LlmChat({ baseUrl }), TypeError, baseUrl);
  }
});

test("what goes wrong says where", async (t) => {
  const { baseUrl } = await served(t, (_, response) => response.writeHead(404, { "Content-Type": "text/html" }).end("<html>"));
  await assert.rejects(new LlmChat({ baseUrl }).models(), new RegExp(`${baseUrl}/api/llm/models answered 404, .*check the address`));
  const nobody = "http://127.0.0.1:9";
  await assert.rejects(new LlmChat({ baseUrl: nobody, attempts: 1 }).models(), new RegExp(`^Problem: ${nobody} cannot be reached`));
});
