/** What is neither asked nor answered: what a tool gave back, what the system was told. */

import { element } from "../dom.js";
import { folded } from "./calls.js";
import { textOf } from "./facts.js";

/** @typedef {import("../types").Message} Message */

export class NoteView {
  /** @type {Message | null} */
  #message = null;
  element = element("article", { class: "message note" });

  /** @param {Message} message */
  update(message) {
    if (this.#message === message) return;
    this.#message = message;
    const title = message.role === "tool" ? "Result of the tool" : "Instructions";
    this.element.ariaLabel = title;
    this.element.replaceChildren(folded(title, textOf(message.content), message.role === "tool" ? "json" : "text"));
  }
}
