import assert from "node:assert/strict";
import { test } from "node:test";

import { filled, lastDays } from "../../src/llmchat/static/page/views/days.js";
import { ago, brief, marked, money, span } from "../../src/llmchat/static/page/views/format.js";
import { interval, reach, shown } from "../../src/llmchat/static/page/views/metrics.js";
import { axis, bands, every, linear } from "../../src/llmchat/static/page/views/scale.js";

/** The same numbers every time. */
function* numbers(count, seed = 7) {
  let state = seed;
  for (let index = 0; index < count; index += 1) {
    state = (state * 48271) % 2147483647;
    yield state / 2147483647;
  }
}
const day = (date, tokens, more = {}) => ({
  day: date, input_tokens: tokens, cached_tokens: 0, output_tokens: 1, reasoning_tokens: 0, cost_usd: null, generations: 1, estimated: false, ...more,
});

test("an axis holds what it is for, in round steps, and no more of them than can be read", () => {
  for (const random of numbers(500)) {
    const most = 10 ** (random * 16 - 7);
    const { top, ticks } = axis(most);
    const step = ticks[1];
    assert.ok(top >= most * (1 - 1e-9) && top - most < step * (1 + 1e-9), `${most} on ${ticks}`);
    assert.ok(ticks.length >= 2 && ticks.length <= 6, String(ticks));
    assert.equal(ticks[0], 0);
    const digits = Number((step / 10 ** Math.floor(Math.log10(step) + 1e-9)).toPrecision(6));
    assert.ok([1, 2, 2.5, 5].includes(digits), `${step}`);
    ticks.forEach((tick, index) => assert.ok(Math.abs(tick - index * step) < step * 1e-6));
  }
});

test("an axis of nothing is still one, and that of few whole things has whole steps", () => {
  assert.deepEqual(axis(0).ticks, [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(axis(3, { least: 1 }).ticks, [0, 1, 2, 3]);
  assert.deepEqual(axis(0, { least: 1 }).ticks, [0, 1]);
  assert.deepEqual(axis(0.3).ticks, [0, 0.1, 0.2, 0.3]);
});

test("numbers become pixels in proportion, upside down as well", () => {
  const y = linear([0, 50], [200, 0]);
  assert.deepEqual([0, 25, 50].map(y), [200, 100, 0]);
  assert.equal(linear([5, 5], [0, 100])(5), 0);
});

test("bars lie beside each other within their room, and a pixel finds its bar", () => {
  for (const count of [1, 2, 7, 30, 90, 366]) {
    const { width, left, at } = bands(count, [40, 640]);
    for (let index = 0; index < count; index += 1) {
      assert.ok(left(index) >= 40 && left(index) + width <= 640 + 1e-9);
      if (index) assert.ok(left(index) >= left(index - 1) + width - 1e-9, "one lies on another");
      assert.equal(at(left(index) + width / 2), index);
    }
    assert.deepEqual([at(-100), at(10_000)], [0, count - 1]);
  }
});

test("labels are left out before they lie on each other", () => {
  assert.equal(every(7, 600, 58), 1);
  assert.equal(every(30, 600, 58), 3);
  assert.equal(every(5, 0, 58), 290);
});

test("days without anything are days, too", () => {
  const { unit, items } = filled([day("2026-02-27", 5), day("2026-03-02", 7)], "2026-02-26", "2026-03-03");
  assert.equal(unit, "day");
  assert.deepEqual(items.map((one) => [one.day, one.input_tokens]), [
    ["2026-02-26", 0], ["2026-02-27", 5], ["2026-02-28", 0], ["2026-03-01", 0], ["2026-03-02", 7], ["2026-03-03", 0],
  ]);
});

test("many days are months, and nothing is lost by that", () => {
  const days = [day("2026-01-31", 1, { cost_usd: 0.1 }), day("2026-02-01", 2), day("2026-02-28", 4, { cost_usd: 0.2, estimated: true })];
  const { unit, items } = filled(days, "2025-12-15", "2026-04-01");
  assert.equal(unit, "month");
  assert.deepEqual(items.map((one) => [one.day, one.input_tokens, one.cost_usd, one.estimated]), [
    ["2025-12-01", 0, null, false], ["2026-01-01", 1, 0.1, false], ["2026-02-01", 6, 0.2, true], ["2026-03-01", 0, null, false], ["2026-04-01", 0, null, false],
  ]);
});

test("the last days end today, in UTC", () => {
  const now = Date.parse("2026-03-01T00:30:00Z");
  assert.deepEqual(lastDays(1, now), { since: "2026-03-01", until: "2026-03-01" });
  assert.deepEqual(lastDays(30, now), { since: "2026-01-31", until: "2026-03-01" });
});

test("numbers are said as people read them", () => {
  assert.deepEqual([null, 0, 0.00042, 0.0099, 0.01, 12.3456, 1234].map(money), ["–", "$0", "$0.00042", "$0.0099", "$0.01", "$12.35", "$1,234.00"]);
  assert.deepEqual([0, 999, 1234, 2_500_000].map(brief), ["0", "999", "1.2K", "2.5M"]);
  assert.deepEqual([0, 59, 60, 3600, 3900, 86_400, 3 * 86_400].map(span), ["0 s", "59 s", "1 min", "1 h", "1 h 5 min", "24 h", "3 days"]);
  const now = Date.parse("2026-11-21T12:00:00Z");
  assert.deepEqual([null, "2026-11-21T11:59:30Z", "2026-11-21T11:55:00Z", "2026-01-02T00:00:00Z"].map((time) => ago(time, now)), ["never", "just now", "5 min ago", "2 Jan"]);
  assert.deepEqual([marked({ estimated: true }, "5"), marked({ estimated: false }, "5"), marked({ estimated: true }, "–")], ["≈ 5", "5", "–"]);
});

test("a measure has its interval, and says so when there is none", () => {
  assert.equal(interval("share", { value: 0.733, low: 0.48, high: 0.891 }), "73.3 % (48 % to 89.1 %)");
  assert.equal(interval("seconds", { value: 0.41, low: null, high: null }), "0.41 s");
  assert.equal(interval("usd", { value: null, low: null, high: null }), "nothing yet");
  assert.deepEqual([shown("seconds", 0.0004), shown("seconds", 0), shown("seconds", 12.345), shown("tokens", 2.44), shown("tokens", 210.5)], ["0.4 ms", "0 s", "12.3 s", "2.4", "211"]);
});

test("shares have all of the axis that they can have, and small ones what they need", () => {
  assert.equal(reach("share", [{ value: 0.6, low: 0.4, high: 0.8 }]), 1);
  assert.equal(reach("share", [{ value: 0.01, low: 0, high: 0.08 }]), 0.08);
  assert.equal(reach("tokens", [{ value: null, low: null, high: null }]), 1);
});
