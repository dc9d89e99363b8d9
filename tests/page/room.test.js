/** Who is in a room, and whom a message is for: what the page shows of it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { callBegunIn, callIn } from "../../src/llmchat/static/page/room/addressing.js";
import { heardLately, initials, NOBODY, presentLine, told, TYPING_SECONDS, typingLine } from "../../src/llmchat/static/page/room/company.js";

const joined = (members, typing = []) => ({ type: "joined", members, typing });
const presence = (...members) => ({ type: "presence", user: "x", present: true, members });
const typing = (user, is = true) => ({ type: "typing", user, typing: is });
const after = (...frames) => frames.reduce((company, frame) => told(company, frame, 0), NOBODY);
const said = (...frames) => typingLine(after(...frames), "ann");

test("who is there is what the last frame says", () => {
  assert.deepEqual(after(joined(["ann"]), presence("ann", "bob")).present, ["ann", "bob"]);
  assert.deepEqual(after(joined(["ann", "bob"]), joined(["ann"])).present, ["ann"]);
  assert.equal(after(joined(["ann"]), { type: "pong" }).present.length, 1);
  assert.equal(presentLine(["ann", "bob"], "ann"), "2 people here: you, bob");
  assert.equal(presentLine(["ann"], null), "1 person here: ann");
});

test("all who type are named, but oneself", () => {
  assert.equal(said(), "");
  assert.equal(said(typing("ann")), "");
  assert.equal(said(joined(["ann", "bob"], ["bob"])), "bob is typing…");
  assert.equal(said(typing("cem"), typing("ann"), typing("bob")), "bob and cem are typing…");
  assert.equal(said(typing("cem"), typing("bob"), typing("dan")), "bob, cem and dan are typing…");
  assert.equal(said(...["bob", "cem", "dan", "eve"].map((user) => typing(user))), "4 people are typing…");
});

test("typing ends with a word, by leaving, and by itself", () => {
  assert.equal(said(typing("bob"), typing("bob", false)), "");
  assert.equal(said(joined(["ann", "bob"]), typing("bob"), presence("ann")), "");
  const company = after(typing("bob"));
  assert.equal(heardLately(company, TYPING_SECONDS - 1), company);
  assert.equal(heardLately(company, TYPING_SECONDS + 1).typing.size, 0);
});

test("a face has one letter or two", () => {
  assert.deepEqual(["ann", "ann.berg@example.org", "bob_x", "é-ö-ü", "😀", "7"].map(initials), ["A", "AB", "BX", "ÉÖ", "😀", "7"]);
});

test("a call is a call as for the server", () => {
  const model = "demo/echo";
  for (const text of ["@model", "hi @model!", "@MODEL", "(@model)", "@demo/echo go", "@echo: go", "so, @model."]) assert.ok(callIn(text, model), text);
  for (const text of ["model", "ann@model", "@models", "@model-x", "@model/x", "@model.org", "@äecho", "@Modelé", "@@model", ""]) assert.equal(callIn(text, model), null, text);
  assert.ok(callIn("@gpt-4.1+x go", "openai/gpt-4.1+x"));
  assert.equal(callIn("@gpt-4x1", "openai/gpt-4.1"), null);
  assert.equal(callIn("@echo", null), null);
});

test("what has been begun is completed", () => {
  assert.deepEqual(callBegunIn("and @mo"), { from: 4, to: 7 });
  assert.deepEqual(callBegunIn("@"), { from: 0, to: 1 });
  for (const text of ["mo", "ann@mo", "@model", "@mx", "@mo ", ""]) assert.equal(callBegunIn(text), null, text);
});
