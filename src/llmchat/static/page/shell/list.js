/** The list of conversations on the screen: grouped by age, and longer when its end is scrolled to. */

import { element } from "../dom.js";
import { groupOf, Row } from "./rows.js";

/**
 * @typedef {object} Parts
 * @property {import("./conversations.js").Conversations} conversations
 * @property {import("./rows.js").Acts} acts
 * @property {() => string | null} current
 * @property {() => boolean} selecting
 * @property {Set<string>} selected
 */

export class List {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Map<string, HTMLElement>} */
  #groups = new Map();

  /** @param {Parts} parts */
  constructor(parts) {
    this.parts = parts;
    this.note = element("p", { class: "list-note", role: "status" });
    this.more = element("button", { type: "button", class: "button plain list-more", onclick: () => void parts.conversations.more() }, "Show more");
    this.groups = element("div", {});
    this.element = element("nav", { id: "conversations", ariaLabel: "Conversations" }, this.groups, this.more, this.note);
    parts.conversations.addEventListener("change", () => this.render());
    // Before its end comes into sight. The button is for the keyboard.
    new IntersectionObserver(
      ([seen]) => { if (seen?.isIntersecting) void parts.conversations.more(); },
      { root: this.element, rootMargin: "400px" },
    ).observe(this.more);
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.element.addEventListener("focusout", () => queueMicrotask(() => { if (this.#late) this.render(); }));
  }

  #late = false;

  /** @param {string} id */
  row(id) {
    return this.#rows.get(id);
  }

  render() {
    // To move a row would end its renaming.
    this.#late = !!this.element.querySelector(".row-name");
    if (this.#late) return;
    const { conversations, current, selecting, selected } = this.parts;
    const items = conversations.shown;
    const now = new Date();
    /** @type {Map<string, Row[]>} */
    const groups = new Map();
    for (const item of items) {
      const row = this.#rows.get(item.id) ?? new Row(item, this.parts.acts);
      this.#rows.set(item.id, row);
      row.update(item, { current: item.id === current(), selecting: selecting(), selected: selected.has(item.id) });
      const name = conversations.filter.query ? "Found" : conversations.filter.archived ? "Archived" : groupOf(item, now);
      groups.set(name, [...(groups.get(name) ?? []), row]);
    }
    this.#keepFocus(() => this.#place(groups));
    const there = new Set(items.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!there.has(id)) this.#rows.delete(id);
    this.more.hidden = !conversations.hasMore;
    this.note.textContent = this.#say(items.length);
  }

  /** @param {Map<string, Row[]>} groups */
  #place(groups) {
    for (const [name, group] of this.#groups) {
      if (groups.has(name)) continue;
      group.remove();
      this.#groups.delete(name);
    }
    let index = 0;
    for (const [name, rows] of groups) {
      const group = this.#groups.get(name) ?? groupElement(name);
      this.#groups.set(name, group);
      inPlace(this.groups, group, index++);
      const list = /** @type {HTMLElement} */ (group.lastElementChild);
      rows.forEach((row, at) => inPlace(list, row.element, at));
      while (list.children.length > rows.length) list.lastElementChild?.remove();
    }
  }

  /** An element that is moved loses the focus. @param {() => void} work */
  #keepFocus(work) {
    const focused = document.activeElement;
    const inside = this.groups.contains(focused);
    work();
    if (!inside || !(focused instanceof HTMLElement) || document.activeElement === focused) return;
    if (focused.isConnected) focused.focus({ preventScroll: true });
    else {
      const next = this.element.querySelector("[aria-current]") ?? this.element.querySelector("a");
      if (next instanceof HTMLElement) next.focus({ preventScroll: true });
    }
  }

  /** @param {number} count */
  #say(count) {
    const { known, problem, filter } = this.parts.conversations;
    if (problem && /** @type {import("../api.js").Problem} */ (problem).status !== 401) return "The list cannot be loaded now. It is tried again.";
    if (!known || count) return "";
    if (filter.query) return `Nothing found for “${filter.query}”.`;
    return filter.archived ? "Nothing is archived." : "Your conversations will be here.";
  }

  /** Up and down go from row to row. @param {KeyboardEvent} event */
  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !(event.target instanceof HTMLElement) || !event.target.matches(".row-link")) return;
    event.preventDefault();
    const links = [...this.element.querySelectorAll(".row-link")];
    const next = links[links.indexOf(event.target) + step];
    if (next instanceof HTMLElement) next.focus();
  }
}

/** @param {string} name */
function groupElement(name) {
  const id = `group-${name.toLowerCase().replaceAll(" ", "-")}`;
  return element("section", { class: "group" }, element("h2", { id }, name), element("ul", { role: "list", "aria-labelledby": id }));
}

/**
 * @param {HTMLElement} parent
 * @param {HTMLElement} child
 * @param {number} index
 */
function inPlace(parent, child, index) {
  const now = parent.children[index];
  if (now !== child) parent.insertBefore(child, now ?? null);
}
