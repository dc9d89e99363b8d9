import assert from "node:assert/strict";
import { test } from "node:test";

import { FIELDS, parse, show } from "../../src/llmchat/static/page/shell/params.js";

const field = (name) => FIELDS.find((one) => one.name === name);

test("what is typed is taken as the API takes it", () => {
  assert.deepEqual(parse(field("temperature"), " 1,5 "), { value: 1.5 });
  assert.deepEqual(parse(field("seed"), "-9007199254740991"), { value: -(2 ** 53) + 1 });
  assert.deepEqual(parse(field("stop"), "a\n b\n\n"), { value: ["a", " b"] });
  for (const { name } of FIELDS) assert.deepEqual(parse(field(name), ""), { value: undefined });
});

test("what the API would refuse is refused here, in plain words", () => {
  for (const [name, typed] of [
    ["temperature", "2.1"], ["temperature", "-0.1"], ["temperature", "warm"], ["temperature", "Infinity"],
    ["top_p", "1.01"], ["max_tokens", "0"], ["max_tokens", "1.5"], ["max_tokens", "10000001"],
    ["seed", "9007199254740992"], ["stop", "x\n".repeat(17)], ["stop", "x".repeat(513)],
  ]) {
    assert.match(parse(field(name), typed).problem ?? "", /\w/, `${name}: ${typed}`);
  }
});

test("what is stored is shown as it is typed", () => {
  for (const [name, value] of [["temperature", 0.3], ["stop", ["a", "b"]], ["max_tokens", 1]]) {
    assert.deepEqual(parse(field(name), show(value)), { value });
  }
});
