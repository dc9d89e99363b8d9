/**
 * A plot of bars, one beside the other, each of one or more parts. Whoever sees it points at a bar to read
 * its numbers; whoever does not has a sentence, and the table behind it.
 */

import { element } from "../dom.js";
import { drawn, drawnToFit } from "./drawing.js";
import { axis, bands, every, linear } from "./scale.js";

/**
 * @typedef {object} Bar
 * @property {string} label Below it.
 * @property {string} says All about it, in a line.
 * @property {number[]} values Of each part, the lowest first.
 * @property {boolean} [estimated] Drawn with stripes.
 *
 * @typedef {object} Plot
 * @property {string} title
 * @property {string} says What it shows in all, in a sentence.
 * @property {string[]} parts What the parts are called.
 * @property {Bar[]} bars
 * @property {(value: number) => string} format Of the numbers beside it.
 * @property {number} [least] The smallest step of those.
 */

const HEIGHT = 190;
const TOP = 10;
const BOTTOM = 24;
const CHAR = 7;
/** Between two labels. */
const GAP = 14;
/** Half of the last label. */
const EDGE = 14;
let drawings = 0;

/**
 * @param {Plot} plot
 * @param {HTMLElement} behind The table of the same numbers.
 */
export function barChart(plot, behind) {
  const readout = element("p", { class: "chart-readout", "aria-hidden": "true" }, plot.says);
  const place = drawnToFit(element("div", { class: "chart-place" }), (width) => drawBars(plot, width, (bar) => {
    readout.textContent = bar ? bar.says : plot.says;
  }));
  return element("figure", { class: "chart" },
    element("figcaption", {}, element("span", { class: "chart-title" }, plot.title), legend(plot)),
    readout, place,
    element("details", {}, element("summary", {}, "As a table"), behind));
}

/** @param {Plot} plot */
function legend({ parts, bars }) {
  const keys = parts.length > 1 ? parts.map((name, index) => element("span", { class: `key part-${index + 1}` }, name)) : [];
  if (bars.some(({ estimated }) => estimated)) keys.push(element("span", { class: "key striped" }, "≈ counted here"));
  return keys.length > 0 && element("span", { class: "legend" }, ...keys);
}

/**
 * @param {Plot} plot
 * @param {number} width
 * @param {(bar: Bar | null) => void} point
 */
function drawBars(plot, width, point) {
  const { bars, format } = plot;
  const sums = bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const { top, ticks } = axis(Math.max(0, ...sums), { least: plot.least });
  const left = Math.max(...ticks.map((tick) => format(tick).length)) * CHAR + 8;
  const x = bands(bars.length, [left, width - EDGE]);
  const y = linear([0, top], [HEIGHT - BOTTOM, TOP]);
  const stripes = `stripes-${++drawings}`;
  const svg = drawn("svg", { class: plot.parts.length > 1 ? "bars" : "bars single", role: "img", "aria-label": `${plot.title}. ${plot.says}`, width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` },
    drawn("defs", {}, drawn("pattern", { id: stripes, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      drawn("rect", { class: "stripe", width: 2, height: 6 }))),
    ...ticks.flatMap((tick) => [
      drawn("line", { class: tick ? "rule" : "rule base", x1: left, x2: width, y1: Math.round(y(tick)) + 0.5, y2: Math.round(y(tick)) + 0.5 }),
      drawn("text", { class: "tick", x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, format(tick)),
    ]));
  const groups = bars.map((bar, index) => drawn("g", {}, ...drawParts(bar, x.left(index), x.width, y, stripes)));
  svg.append(...groups, ...labels(bars, x, width - left));
  svg.addEventListener("pointermove", (event) => light(x.at(/** @type {PointerEvent} */ (event).offsetX)));
  svg.addEventListener("pointerleave", () => light(-1));

  /** @param {number} chosen */
  function light(chosen) {
    groups.forEach((group, index) => group.classList.toggle("lit", index === chosen));
    svg.classList.toggle("pointed", chosen >= 0);
    point(bars[chosen] ?? null);
  }
  return /** @type {SVGElement} */ (svg);
}

/**
 * @param {Bar} bar
 * @param {number} left
 * @param {number} width
 * @param {(value: number) => number} y
 * @param {string} stripes
 */
function drawParts({ values, estimated }, left, width, y, stripes) {
  let below = 0;
  const parts = values.map((value, index) => {
    const top = y(below + value), height = y(below) - top;
    below += value;
    // What is there at all is seen.
    const shown = value > 0 ? Math.max(height, 1) : 0;
    return drawn("rect", { class: `part-${index + 1}`, x: left, y: top, width, height: shown, rx: Math.min(2, width / 4) });
  });
  if (estimated && below > 0) parts.push(drawn("rect", { x: left, y: y(below), width, height: y(0) - y(below), fill: `url(#${stripes})` }));
  return parts;
}

/**
 * @param {Bar[]} bars
 * @param {ReturnType<typeof bands>} x
 * @param {number} room
 */
function labels(bars, x, room) {
  const longest = Math.max(0, ...bars.map(({ label }) => label.length));
  const step = every(bars.length, room, longest * CHAR + GAP);
  // From the end: today is what is looked for first.
  return bars.flatMap((bar, index) => ((bars.length - 1 - index) % step ? [] : [
    drawn("text", { class: "tick", x: x.left(index) + x.width / 2, y: HEIGHT - 6, "text-anchor": "middle" }, bar.label),
  ]));
}
