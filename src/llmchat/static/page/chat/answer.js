/** A model's message: it grows, and in the end says what it took. */

import { element } from "../dom.js";
import { callsOf } from "./calls.js";
import { AGAIN, BAD, GO_ON, GOOD } from "./drawings.js";
import { duration, facts, imagesOf, textOf } from "./facts.js";
import { Markdown } from "./markdown.js";
import { faultOf } from "./fault.js";
import { copier, picture, tool } from "./question.js";
import { isImage } from "./sanitize.js";
import { isLive } from "./state.js";
import { versions } from "./versions.js";

/** @typedef {import("../types").Message} Message */
/** @typedef {import("./state.js").Live} Live */

export class AnswerView {
  #doings;
  /** @type {Message | null} */
  #message = null;
  /** @type {Live | undefined} */
  #live;
  #summary = element("summary", {}, "Thinking");
  #reasoning = element("div", { class: "reasoning markdown", dir: "auto" });
  #thinking = element("details", { class: "thinking", hidden: true }, this.#summary, this.#reasoning);
  #thoughts = new Markdown(this.#reasoning);
  #body = element("div", { class: "answer markdown", dir: "auto" });
  #markdown = new Markdown(this.#body);
  #images = element("div", { class: "images" });
  #calls = element("div", { class: "calls" });
  #fault = element("div", { class: "fault" });
  #tools = element("div", { class: "tools" });
  #facts = element("p", { class: "facts" });
  #foot = element("footer", {}, this.#tools, this.#facts);
  /** When its thinking began and ended here, in milliseconds; the server's own measure comes with the end. */
  #thought = { from: 0, to: 0 };
  isBusy = false;
  #isDormant;

  /**
   * @param {import("./doings.js").Doings} doings
   * @param {boolean} isDormant Far from what is seen: its text is there, to be searched, and the rest when it wakes.
   */
  constructor(doings, isDormant) {
    this.#doings = doings;
    this.#isDormant = isDormant;
    const parts = [this.#thinking, this.#body, this.#images, this.#calls, this.#fault, this.#foot];
    this.element = element("article", { class: "message assistant", ariaLabel: "Answer" }, ...parts);
    this.#thinking.ontoggle = () => this.#showThoughts();
  }

  /**
   * @param {Message} message
   * @param {Live | undefined} live
   * @returns {boolean} Whether anything was to be shown anew.
   */
  update(message, live) {
    if (this.#message === message && this.#live === live) return false;
    this.isBusy = !!live || isLive(message);
    this.element.ariaBusy = String(this.isBusy);
    this.element.dataset.status = live ? "streaming" : message.status;
    const text = live?.text ?? textOf(message.content);
    this.#body.classList.toggle("empty", !text);
    if (this.isBusy) this.wake();
    if (this.#isDormant) {
      [this.#message, this.#live, this.#body.textContent] = [message, live, text];
      return true;
    }
    this.#markdown.show(text, !this.isBusy);
    if (this.#message?.content !== message.content) this.#images.replaceChildren(...imagesOf(message.content).filter(isImage).map(picture));
    const [before, beforeLive] = [this.#message, this.#live];
    [this.#message, this.#live] = [message, live];
    this.#showThoughts();
    if (before !== message || !!beforeLive !== !!live || beforeLive?.tool_calls !== live?.tool_calls) this.#showRest();
    return true;
  }

  wake() {
    if (!this.#isDormant) return;
    this.#isDormant = false;
    this.#body.replaceChildren();
    const message = this.#message;
    this.#message = null;
    if (message) this.update(message, this.#live);
  }

  #showThoughts() {
    const { reasoning, text } = this.#live ? this.#live : { reasoning: this.#message?.reasoning ?? "", text: "" };
    this.#thinking.hidden = !reasoning;
    if (!reasoning) return;
    this.#thought.from ||= this.#live ? performance.now() : 0;
    if (text && this.#thought.from) this.#thought.to ||= performance.now();
    const isThinking = !!this.#live && !text;
    this.#thinking.classList.toggle("now", isThinking);
    const said = isThinking ? "Thinking" : this.#duration();
    if (this.#summary.textContent !== said) this.#summary.textContent = said;
    // What is folded costs nothing.
    if (this.#thinking.open) this.#thoughts.show(reasoning, !this.isBusy || !isThinking);
  }

  #duration() {
    const { from, to } = this.#thought;
    const seconds = this.#message?.timing?.reasoning_seconds ?? (from && to ? (to - from) / 1000 : null);
    return seconds === null ? "Thinking" : `Thinking · ${duration(seconds)}`;
  }

  #showRest() {
    const message = this.#message;
    if (!message) return;
    const { isBusy } = this;
    this.#calls.replaceChildren(...callsOf(message, this.#live));
    this.#fault.replaceChildren(...faultOf(message, () => this.#doings.regenerate(message)));
    this.#facts.textContent = isBusy ? (message.status === "queued" && !this.#live ? "Waiting for its turn" : "") : facts(message);
    this.#tools.replaceChildren(...(isBusy ? [] : this.#buttons(message)));
  }

  /** @param {Message} message */
  #buttons(message) {
    const doings = this.#doings;
    const again = tool("Regenerate", AGAIN, () => doings.regenerate(message));
    const goOn = isCut(message) ? tool("Continue", GO_ON, () => doings.goOn(message)) : null;
    for (const button of [again, goOn]) button?.classList.add("when-idle");
    const rating = message.feedback?.rating;
    const rate = (/** @type {1 | -1} */ value, /** @type {string} */ label, /** @type {string} */ path) => {
      const isChosen = rating === value;
      const button = tool(label, path, () => doings.rate(message, isChosen ? null : { rating: value, comment: null }));
      button.ariaPressed = String(isChosen);
      return button;
    };
    return [
      versions(message, (id) => doings.switchTo(id)),
      copier(() => textOf(message.content)),
      again,
      goOn,
      rate(1, "Good answer", GOOD),
      rate(-1, "Bad answer", BAD),
    ].filter((one) => one !== null);
  }
}

/** Whether there is more to say. @param {Message} message */
function isCut({ status, finish_reason: reason, content }) {
  return (status !== "complete" || reason === "length") && !!textOf(content);
}
