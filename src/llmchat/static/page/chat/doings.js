/** What can be done with a message; a refusal is said above the composer. */

import { newKey } from "../ids.js";
import { notice, refused } from "./notice.js";

/** @typedef {import("../types").Message} Message */

export class Doings {
  #app;
  #busy = false;
  /** The last edit that got no answer: with the same key it cannot ask twice. */
  #unsure = { request: "", key: "" };

  /** @param {import("../types").App} app */
  constructor(app) {
    this.#app = app;
  }

  get room() {
    return this.#app.room;
  }

  /** @param {() => Promise<unknown>} work @returns {Promise<boolean>} Whether it worked. */
  async #do(work) {
    if (this.#busy) return false; // A second click.
    this.#busy = true;
    notice("");
    try {
      await work();
      return true;
    } catch (error) {
      refused(error);
      return false;
    } finally {
      this.#busy = false;
    }
  }

  /** @param {Message} answer */
  regenerate(answer) {
    return this.#do(() => this.#app.conversation.regenerate(answer, this.#app.choices.current()));
  }

  /** @param {Message} answer */
  goOn(answer) {
    return this.#do(() => this.#app.conversation.goOn(answer));
  }

  /** @param {string} id */
  switchTo(id) {
    return this.#do(() => this.#app.conversation.switchTo(id));
  }

  /**
   * @param {Message} answer
   * @param {import("../types").Feedback | null} feedback
   */
  rate(answer, feedback) {
    return this.#do(() => this.#app.conversation.rate(answer, feedback));
  }

  /**
   * @param {Message} message
   * @param {import("../types").Content} content
   */
  edit(message, content) {
    const path = `/api/conversations/${message.conversation_id}/messages`;
    const body = { content, parent_id: message.parent_id, ...this.#app.choices.current() };
    const request = JSON.stringify([path, body]);
    if (this.#unsure.request !== request) this.#unsure = { request, key: newKey() };
    const { key } = this.#unsure;
    return this.#do(async () => this.#app.conversation.accept(await this.#app.api.post(path, body, { key })));
  }
}
