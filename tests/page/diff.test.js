import assert from "node:assert/strict";
import { test } from "node:test";

import { diff } from "../../src/llmchat/static/page/views/diff.js";

const without = (pieces, kind) => pieces.filter((piece) => piece.kind !== kind).map(({ text }) => text).join("");
const WORDS = ["You", " ", "help", "\n", "{{product}}", ".", "  ", "é", "日本", "a"];

/** Texts of these words, the same every time. */
function* texts(count) {
  let state = 11;
  const next = (below) => { state = (state * 48271) % 2147483647; return state % below; };
  for (let index = 0; index < count; index += 1) {
    yield Array.from({ length: next(24) }, () => WORDS[next(WORDS.length)]).join("");
  }
}

test("both texts are in what has changed, whole", () => {
  const all = [...texts(200)];
  for (let index = 1; index < all.length; index += 1) {
    const pieces = diff(all[index - 1], all[index]);
    assert.equal(without(pieces, "added"), all[index - 1]);
    assert.equal(without(pieces, "removed"), all[index]);
    pieces.forEach((piece, at) => at && assert.notEqual(piece.kind, pieces[at - 1].kind));
  }
});

test("what stays is not said to have changed", () => {
  assert.deepEqual(diff("the same", "the same"), [{ kind: "same", text: "the same" }]);
  assert.deepEqual(diff("", ""), []);
  assert.deepEqual(diff("", "new"), [{ kind: "added", text: "new" }]);
  assert.deepEqual(diff("Answer in a few sentences.", "Answer in three sentences."), [
    { kind: "same", text: "Answer in " }, { kind: "removed", text: "a few" }, { kind: "added", text: "three" }, { kind: "same", text: " sentences." },
  ]);
});

test("texts that are too long for words are compared by lines, and those of one line as they are", () => {
  const long = (word) => Array.from({ length: 13_000 }, (_, index) => `${word}${index}${index % 40 ? " " : "\n"}`).join("").slice(0, 65_536);
  const pieces = diff(`same\n${long("a")}`, `same\n${long("b")}`);
  assert.equal(without(pieces, "added"), `same\n${long("a")}`);
  assert.deepEqual(pieces[0], { kind: "same", text: "same\n" });
  const [one, other] = ["a ", "b "].map((word) => word.repeat(5000));
  assert.deepEqual(diff(one, other).map(({ text }) => text).join("").length, one.length + other.length);
});
