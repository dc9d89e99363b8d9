/** The rows of the list: one for each conversation, kept while it is there, so that the focus is, too. */

import { element, icon } from "../dom.js";
import { ICONS, iconButton } from "./icons.js";
import { titleOf } from "./titles.js";

/** @typedef {import("./conversations.js").Item} Item */

/**
 * @typedef {object} Acts
 * @property {(item: Item) => string} address
 * @property {(item: Item, event: MouseEvent) => void} open
 * @property {(item: Item, anchor: HTMLElement) => void} more
 * @property {(item: Item, title: string) => void} rename
 * @property {(item: Item, selected: boolean) => void} select
 */

export class Row {
  /**
   * @param {Item} item
   * @param {Acts} acts
   */
  constructor(item, acts) {
    this.item = item;
    this.acts = acts;
    this.title = element("span", { class: "row-title", dir: "auto" });
    this.snippet = element("span", { class: "row-snippet", dir: "auto", hidden: true });
    this.live = element("span", { class: "row-live", hidden: true }, element("span", { class: "unseen" }, "Answer is being written. "));
    const pin = icon(ICONS.pin);
    pin.classList.add("row-pin");
    this.link = element("a", { class: "row-link", onclick: (/** @type {MouseEvent} */ event) => acts.open(this.item, event) },
      this.live, element("span", { class: "row-text" }, this.title, this.snippet), pin);
    this.link.addEventListener("dblclick", (event) => { event.preventDefault(); this.rename(); });
    this.link.addEventListener("keydown", (event) => { if (event.key === "F2") this.rename(); });
    this.check = element("input", { type: "checkbox", class: "row-check", onchange: () => acts.select(this.item, this.check.checked) });
    this.more = iconButton("more", "", () => acts.more(this.item, this.more), { class: "icon-button row-more", ariaHasPopup: "menu", ariaExpanded: "false", title: "" });
    this.element = element("li", { class: "row", data: { id: item.id } }, this.check, this.link, this.more);
    this.update(item, { current: false, selecting: false, selected: false });
  }

  /**
   * @param {Item} item
   * @param {{ current: boolean, selecting: boolean, selected: boolean }} how
   */
  update(item, { current, selecting, selected }) {
    this.item = item;
    const title = titleOf(item);
    if (this.title.textContent !== title) this.title.textContent = title;
    this.link.href = this.acts.address(item);
    this.link.title = title;
    if (current) this.link.ariaCurrent = "page"; else this.link.removeAttribute("aria-current");
    this.live.hidden = !item.generating;
    this.element.classList.toggle("pinned", !!item.pinned);
    this.more.ariaLabel = `More about ${title}`;
    this.more.hidden = selecting;
    this.check.hidden = !selecting;
    this.check.checked = selected;
    this.check.ariaLabel = `Select ${title}`;
    this.#showMatch(item.match?.snippet_parts ?? []);
  }

  /** @param {{ text: string, hit: boolean }[]} parts */
  #showMatch(parts) {
    this.snippet.hidden = !parts.length;
    this.snippet.replaceChildren(...parts.map(({ text, hit }) => (hit ? element("mark", {}, text) : text)));
  }

  /** In place: Enter and leaving the field keep it, Escape does not. */
  rename() {
    const field = element("input", { class: "row-name", type: "text", dir: "auto", value: this.item.title ?? "", maxLength: 512, ariaLabel: `New name of ${titleOf(this.item)}` });
    let done = false;
    const end = (/** @type {boolean} */ keep, focus = true) => {
      if (done) return;
      done = true;
      const title = field.value.trim();
      field.replaceWith(this.link);
      if (focus) this.link.focus();
      if (keep && title && title !== this.item.title) this.acts.rename(this.item, title);
    };
    field.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") { event.preventDefault(); end(false); }
    });
    field.addEventListener("blur", () => end(true, false));
    this.link.replaceWith(field);
    field.focus();
    field.select();
  }
}

const DAY = 24 * 3600 * 1000;

/**
 * Which heading a conversation is below.
 *
 * @param {Item} item
 * @param {Date} now
 */
export function groupOf(item, now) {
  if (item.pinned) return "Pinned";
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const at = Date.parse(item.updated_at);
  if (at >= midnight) return "Today";
  if (at >= midnight - DAY) return "Yesterday";
  if (at >= midnight - 7 * DAY) return "Last 7 days";
  if (at >= midnight - 30 * DAY) return "Last 30 days";
  return "Older";
}
