import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversations } from "../../src/llmchat/static/page/shell/conversations.js";

/** A server that keeps conversations as ours lists them: the newest first, 40 a page. */
class Server {
  items = [];
  calls = 0;
  /** @type {(() => void) | null} */
  hold = null;

  put(id, second, more = {}) {
    this.items = this.items.filter((item) => item.id !== id);
    const updated_at = new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
    this.items.push({ id, title: id, archived: false, pinned: false, updated_at, ...more });
  }

  async get(path) {
    this.calls += 1;
    const query = new URL(path, "http://x").searchParams;
    const wanted = (item) =>
      (query.get("pinned") !== "true" || item.pinned)
      && (query.get("archived") === "all" || String(item.archived) === (query.get("archived") ?? "false"))
      && item.title.includes(query.get("q") ?? "");
    const sorted = this.items.filter(wanted).sort((a, b) => b.updated_at.localeCompare(a.updated_at));
    const rest = sorted.filter(({ updated_at }) => !query.has("cursor") || updated_at < query.get("cursor"));
    const items = rest.slice(0, Number(query.get("limit"))).map((item) => ({ ...item }));
    const answer = { items, next_cursor: rest.length > items.length ? items.at(-1).updated_at : null };
    if (this.hold) await new Promise((go) => { this.hold = go; });
    return answer;
  }
}

function listOf(count) {
  const server = new Server();
  for (let number = 0; number < count; number += 1) server.put(`c${number}`, number);
  return { server, list: new Conversations(server) };
}
const ids = (list) => list.shown.map(({ id }) => id);
const newest = (from, to) => Array.from({ length: from - to + 1 }, (_, index) => `c${from - index}`);

test("pages follow each other, each conversation once, whatever moves in between", async () => {
  const { server, list } = listOf(100);
  await list.refresh();
  assert.deepEqual(ids(list), newest(99, 60));
  server.put("c5", 200);
  server.put("new", 201);
  await list.more();
  await list.refresh();
  await list.more();
  assert.deepEqual(ids(list), ["new", "c5", ...newest(99, 6), ...newest(4, 0)]);
  assert.equal(list.hasMore, false);
});

test("what is gone among the newest goes, and what was not asked for again stays", async () => {
  const { server, list } = listOf(100);
  await list.refresh();
  await list.more();
  server.items = server.items.filter(({ id }) => id !== "c95");
  await list.refresh();
  assert.deepEqual(ids(list), [...newest(99, 96), ...newest(94, 20)]);
});

test("what is pinned is on top, however old", async () => {
  const { server, list } = listOf(100);
  server.put("c0", 0, { pinned: true });
  await list.refresh();
  assert.deepEqual(ids(list).slice(0, 2), ["c0", "c99"]);
  server.put("c0", 0, { pinned: false });
  await list.refresh();
  assert.equal(ids(list)[0], "c99");
});

test("of two questions at once the later one counts", async () => {
  const { server, list } = listOf(30);
  server.hold = () => {};
  const early = list.choose({ query: "c1" });
  const goOn = server.hold;
  server.hold = null;
  await list.choose({ query: "c29" });
  await new Promise(setImmediate);
  goOn();
  await Promise.race([early, new Promise(setImmediate)]);
  assert.deepEqual(ids(list), ["c29"]);
});

test("after a sign-out nothing is left, and the next one can ask", async () => {
  const { server, list } = listOf(3);
  server.hold = () => {};
  void list.refresh();
  list.clear();
  server.hold = null;
  assert.deepEqual(ids(list), []);
  await list.refresh();
  assert.deepEqual(ids(list), ["c2", "c1", "c0"]);
});

test("what leaves for the archive leaves the list at once, and comes back when it is refused", async () => {
  const { list } = listOf(3);
  await list.refresh();
  const item = list.find("c1");
  list.change("c1", { archived: true });
  assert.deepEqual(ids(list), ["c2", "c0"]);
  list.put(item);
  assert.deepEqual(ids(list), ["c2", "c1", "c0"]);
});
