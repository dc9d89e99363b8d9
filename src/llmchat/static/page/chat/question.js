/** A person's message: as it was written, to the character. */

import { element, icon } from "../dom.js";
import { copy } from "./copying.js";
import { COPY, DONE, EDIT } from "./drawings.js";
import { editor } from "./editor.js";
import { imagesOf, textOf } from "./facts.js";
import { isImage } from "./sanitize.js";
import { versions } from "./versions.js";

/** @typedef {import("../types").Message} Message */
/** @typedef {import("./doings.js").Doings} Doings */

export class QuestionView {
  #doings;
  /** @type {Message | null} */
  #message = null;
  #text = element("div", { class: "text", dir: "auto" });
  #images = element("div", { class: "images" });
  #bubble = element("div", { class: "bubble" }, this.#images, this.#text);
  #tools = element("div", { class: "tools" });
  #author = element("p", { class: "author" });
  /** As it was shown last. */
  #room = "";

  /** @param {Doings} doings */
  constructor(doings) {
    this.#doings = doings;
    this.element = element("article", { class: "message user", ariaLabel: "You" }, this.#author, this.#bubble, this.#tools);
  }

  /** @param {Message} message */
  update(message) {
    const { room } = this.#doings;
    const others = room.isOthers(message) ? message.author ?? "" : "";
    const now = JSON.stringify([others, room.isShared]);
    if (this.#message === message && this.#room === now) return;
    const before = this.#message;
    this.#message = message;
    this.#room = now;
    this.element.classList.toggle("others", !!others);
    this.element.ariaLabel = others || "You";
    this.#author.textContent = others;
    if (before?.content !== message.content) {
      this.#text.textContent = textOf(message.content);
      this.#images.replaceChildren(...imagesOf(message.content).filter(isImage).map(picture));
    }
    this.#tools.replaceChildren(...this.#buttons(message));
  }

  /** @param {Message} message */
  #buttons(message) {
    const { room } = this.#doings;
    const isOthers = room.isOthers(message);
    const edit = isOthers ? null : tool("Edit", EDIT, () => this.#edit(message));
    edit?.classList.add("when-idle");
    return [
      copier(() => textOf(message.content)),
      edit,
      versions(message, (id) => this.#doings.switchTo(id)),
      room.isShared && !isOthers ? element("span", { class: "delivered" }, icon(DONE), "Delivered") : null,
    ].filter((one) => one !== null);
  }

  /** @param {Message} message */
  #edit(message) {
    const done = () => {
      form.replaceWith(this.#bubble);
      this.#tools.hidden = false;
      this.#tools.querySelector("button")?.focus();
    };
    const form = editor(message, { send: (content) => this.#doings.edit(message, content), done });
    this.#tools.hidden = true;
    this.#bubble.replaceWith(form);
    form.querySelector("textarea")?.focus();
  }
}

/** @param {string} source */
export function picture(source) {
  return element("img", { src: source, alt: "Image", loading: "lazy" });
}

/**
 * @param {string} label
 * @param {string} path
 * @param {() => void} onclick
 */
export function tool(label, path, onclick) {
  return element("button", { type: "button", class: "tool", ariaLabel: label, title: label, onclick }, icon(path));
}

/** @param {() => string} text */
export function copier(text) {
  const button = tool("Copy", COPY, async () => {
    if (!(await copy(text()))) return;
    button.replaceChildren(icon(DONE));
    setTimeout(() => button.replaceChildren(icon(COPY)), 1500);
  });
  return button;
}
