/** Values with their intervals: a dot for each, and whiskers as far as it may really lie. */

import { element } from "../dom.js";
import { drawn, drawnToFit } from "./drawing.js";
import { interval, reach, shown } from "./metrics.js";
import { table } from "./parts.js";
import { axis, linear } from "./scale.js";

/**
 * @typedef {object} Found
 * @property {string} name
 * @property {number | null} value
 * @property {number | null} low
 * @property {number | null} high
 * @property {number} count Of conversations.
 */

const ROW = 46;
const BOTTOM = 22;
const EDGE = 22;

/**
 * @param {{ title: string, about: string, unit: import("./metrics.js").Unit, rows: Found[], primary: boolean }} plot
 * @param {...(Node | false)} below
 */
export function whiskers({ title, about, unit, rows, primary }, ...below) {
  const says = rows.map((row) => `${row.name}: ${interval(unit, row)}`).join("; ");
  const known = rows.some(({ value }) => value !== null);
  const place = known
    ? drawnToFit(element("div", { class: "chart-place whisker-place" }), (width) => draw({ title, unit, rows, says }, width))
    : element("p", { class: "hint" }, "Nothing is known of this yet.");
  return element("figure", { class: primary ? "chart primary-metric" : "chart" },
    element("figcaption", {}, element("span", { class: "chart-title" }, title), element("span", { class: "hint" }, about)),
    place, ...below,
    known && element("details", {}, element("summary", {}, "As a table"), table(title, [
      { name: "Variant" }, { name: "Value", number: true }, { name: "From", number: true }, { name: "To", number: true }, { name: "Conversations", number: true },
    ], rows.map(({ name, value, low, high, count }) => [name, shown(unit, value), shown(unit, low), shown(unit, high), String(count)]))));
}

/**
 * @param {{ title: string, unit: import("./metrics.js").Unit, rows: Found[], says: string }} plot
 * @param {number} width
 */
function draw({ title, unit, rows, says }, width) {
  const { top, ticks } = axis(reach(unit, rows));
  const height = rows.length * ROW + BOTTOM;
  const x = linear([0, top], [1, width - EDGE]);
  const some = ticks.length * 56 > width ? ticks.filter((_, index) => index % 2 === 0) : ticks;
  return /** @type {SVGElement} */ (drawn("svg", { class: "whiskers", role: "img", "aria-label": `${title}. ${says}`, width, height, viewBox: `0 0 ${width} ${height}` },
    ...some.flatMap((tick) => [
      drawn("line", { class: "rule", x1: Math.round(x(tick)) + 0.5, x2: Math.round(x(tick)) + 0.5, y1: 0, y2: height - BOTTOM }),
      drawn("text", { class: "tick", x: x(tick), y: height - 6, "text-anchor": tick === 0 ? "start" : "middle" }, shown(unit, tick)),
    ]),
    ...rows.map((row, index) => drawRow(row, unit, index, x))));
}

/**
 * @param {Found} row
 * @param {import("./metrics.js").Unit} unit
 * @param {number} index
 * @param {(value: number) => number} x
 */
function drawRow(row, unit, index, x) {
  const top = index * ROW, y = top + 32;
  const { name, value, low, high } = row;
  const group = drawn("g", { class: index ? "" : "first" },
    drawn("text", { class: "name", x: 1, y: top + 16 }, name, drawn("tspan", { class: "figure", dx: 8 }, interval(unit, row))));
  if (value !== null && low !== null && high !== null) {
    group.append(
      drawn("line", { class: "line", x1: x(low), x2: x(high), y1: y, y2: y }),
      ...[low, high].map((end) => drawn("line", { class: "line", x1: x(end), x2: x(end), y1: y - 5, y2: y + 5 })));
  }
  if (value !== null) group.append(drawn("circle", { class: "dot", cx: x(value), cy: y, r: 5 }));
  return group;
}
