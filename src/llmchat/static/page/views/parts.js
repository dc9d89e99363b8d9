/** What views are made of: their head, parts with a heading, tables, and lines that say what is wrong. */

import { Problem } from "../api.js";
import { element } from "../dom.js";

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @param {string} title
 * @param {string} about One sentence.
 * @param {...Child} controls
 */
export function head(title, about, ...controls) {
  return element("header", { class: "view-head" },
    element("div", {}, element("h1", {}, title), about && element("p", { class: "hint" }, about)),
    controls.length > 0 && element("div", { class: "view-controls" }, ...controls));
}

/**
 * A part of a view; its heading names it.
 *
 * @param {string} title
 * @param {...Child} content
 */
export function part(title, ...content) {
  const id = `part-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
  return element("section", { class: "part", "aria-labelledby": id }, element("h2", { id }, title), ...content);
}

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {boolean} [number] To the right, its figures below each other.
 * @property {boolean} [minor] Where there is little room, it is left out.
 * @property {boolean} [unseen] Its head is for who listens only, and what it has are buttons.
 */

/**
 * Its roles are said, as on a phone its rows are laid out as cards, which makes browsers forget them.
 *
 * @param {string} caption What it is a table of, for who listens.
 * @param {Column[]} columns
 * @param {Child[][]} rows The first cell of each names it.
 * @param {{ cards?: boolean }} [options] Whether it has too many columns for a phone.
 */
export function table(caption, columns, rows, { cards = false } = {}) {
  const looks = ({ number = false, minor = false, unseen = false } = {}) => [number && "number", minor && "minor", unseen && "act"].filter(Boolean).join(" ") || undefined;
  const headOf = (/** @type {Column} */ column) => element("th", { scope: "col", role: "columnheader", class: looks(column) },
    column.unseen ? element("span", { class: "unseen" }, column.name) : column.name);
  const cell = (/** @type {Child} */ content, /** @type {number} */ index) => element(index ? "td" : "th", {
    class: looks(columns[index]), data: { label: columns[index].unseen ? "" : columns[index].name }, ...(index ? { role: "cell" } : { scope: "row", role: "rowheader" }),
  }, content);
  // It can be scrolled by the keyboard, too.
  return element("div", { class: cards ? "table cards" : "table", tabIndex: 0, role: "group", ariaLabel: caption },
    element("table", { role: "table" },
      element("caption", { class: "unseen" }, caption),
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...columns.map(headOf))),
      element("tbody", { role: "rowgroup" }, ...rows.map((row) => element("tr", { role: "row" }, ...row.map(cell))))));
}

/**
 * A few to choose one of.
 *
 * @template {string} Value
 * @param {string} label
 * @param {readonly (readonly [Value, string])[]} choices
 * @param {Value} chosen
 * @param {(value: Value) => void} choose
 */
export function choice(label, choices, chosen, choose) {
  const name = `choice-${label.toLowerCase().replaceAll(" ", "-")}`;
  return element("fieldset", { class: "choice" },
    element("legend", { class: "unseen" }, label),
    ...choices.map(([value, text]) => element("label", {},
      element("input", { type: "radio", name, value, checked: value === chosen, onchange: () => choose(value) }),
      element("span", {}, text))));
}

/** @param {unknown} error */
export function problem(error) {
  if (!(error instanceof Problem)) {
    // A mistake of ours: whoever looks for it finds it in the console.
    reportError(error);
    return element("p", { class: "problem", role: "alert" }, "This cannot be shown. Reload the page to try again.");
  }
  const { message, detail = "", status, errors } = error;
  if (errors.length) return element("p", { class: "problem", role: "alert" }, errors.map((one) => `${one.location.at(-1)}: ${one.message}`).join(". "));
  if (status === 401) return element("p", { class: "hint" }, "Sign in to see this.");
  return element("p", { class: "problem", role: "alert" }, [message, detail].filter(Boolean).join(". "));
}

/**
 * Fills a place with what is loaded; until then it keeps what it has, and says that it waits.
 *
 * @param {HTMLElement} host
 * @param {AbortSignal} left
 * @param {() => Promise<Child[]>} load
 */
export async function fill(host, left, load) {
  host.ariaBusy = "true";
  try {
    const content = await load();
    if (left.aborted) return;
    const hadFocus = host.contains(document.activeElement);
    host.replaceChildren(...content.filter((child) => child !== null && child !== undefined && child !== false));
    const heading = host.querySelector("h1");
    if (hadFocus && heading && !host.contains(document.activeElement)) {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
  } catch (error) {
    // Below its name, if it has one: else nobody knows what it was.
    const name = host.querySelector(":scope > h1");
    if (!left.aborted) host.replaceChildren(...(name ? [name] : []), problem(error));
  } finally {
    host.ariaBusy = "false";
  }
}

/** A word in a colour that it does not depend on. @param {string} text @param {"good" | "warn" | "bad" | "quiet"} look */
export const badge = (text, look) => element("span", { class: `badge ${look}` }, text);

/**
 * How much of something there is.
 *
 * @param {string} label
 * @param {number} value
 * @param {number} most
 */
export function gauge(label, value, most) {
  const filled = element("span", {});
  filled.style.inlineSize = `${100 * Math.max(0, Math.min(1, value / (most || 1)))}%`;
  return element("div", { class: "gauge", role: "meter", ariaLabel: label, ariaValueMin: "0", ariaValueMax: String(most || 1), ariaValueNow: String(Math.min(value, most || 1)) }, filled);
}

let fields = 0;

/**
 * What a field of a form is called, with more about it below.
 *
 * @param {string} label
 * @param {HTMLElement} input
 * @param {string} [hint]
 */
export function field(label, input, hint) {
  const id = `field-${++fields}`;
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return element("div", { class: "field" }, element("label", { htmlFor: id }, label), input, hint && element("span", { id: `${id}-hint`, class: "hint" }, hint));
}
