/** What was sent and not answered yet. It survives a reload, and goes out with the same
    Idempotency-Key until the server says what became of it: asked once, however often it was sent. */

import { Problem } from "../api.js";
import { newKey } from "../ids.js";
import { quietly } from "./drafts.js";

/** @typedef {import("../types").App} App */

/**
 * @typedef {object} Letter
 * @property {string} key
 * @property {string} tab Whose it is: only this one sends it.
 * @property {string | null} conversation Null: one that is yet to be made.
 * @property {string} text
 * @property {string[]} images Data URLs, in memory alone.
 * @property {number} imageCount
 * @property {{model?: string | null, params?: Record<string, unknown>, on_busy?: "queue"}} choice
 * @property {Record<string, unknown>} draft What the conversation is to be made with.
 * @property {number} at When it was last tried.
 * @property {boolean} isWaiting It was tried, and the server could not be reached.
 * @property {boolean} [isInRoom] Others are there: what is refused stays where it is, for more may be written by now.
 * @property {Problem | null} [problem] Why it was refused; it is not sent again by itself.
 */

const PREFIX = "llmchat.outbox.";
const ORPHANED_SECONDS = 60;
const LONGEST_PAUSE_SECONDS = 10;

export class Outbox {
  #app;
  #changed;
  #returned;
  #tab = tabName();
  /** @type {Letter[]} */
  letters = [];
  #isSending = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {App} app
   * @param {object} ways
   * @param {() => void} ways.changed
   * @param {(letter: Letter, problem: Problem | null) => void} ways.returned It will not be sent.
   */
  constructor(app, { changed, returned }) {
    this.#app = app;
    this.#changed = changed;
    this.#returned = returned;
    const again = () => this.#flush();
    addEventListener("online", again);
    addEventListener("pageshow", again);
    app.events.on("signed-in", again);
    app.events.on("connection", (connection) => connection === "open" && again());
  }

  /** What this tab had not sent when it was closed or loaded anew, and what a tab that is gone left. */
  restore() {
    quietly(() => {
      for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX)) this.#take(name);
    });
    this.letters.sort((one, other) => one.at - other.at);
    this.#changed();
    this.#flush();
  }

  /** @param {string} name */
  #take(name) {
    const letter = letterOf(localStorage.getItem(name));
    if (!letter) return localStorage.removeItem(name);
    const isOrphan = Date.now() - letter.at > ORPHANED_SECONDS * 1000;
    if (letter.tab === this.#tab && !letter.imageCount) this.letters.push(letter);
    else if (letter.tab === this.#tab || isOrphan) this.#giveBack(letter, null);
  }

  /** @param {Pick<Letter, "conversation" | "text" | "images" | "choice" | "draft" | "isInRoom">} said */
  add(said) {
    const letter = { ...said, key: newKey(), tab: this.#tab, imageCount: said.images.length, at: Date.now(), isWaiting: false };
    this.letters.push(letter);
    this.#keep(letter);
    this.#changed();
    this.#flush();
  }

  /** What was refused may be accepted now. @param {Letter} letter */
  tryAgain(letter) {
    letter.problem = null;
    this.#changed();
    this.#flush();
  }

  /** @param {Letter} letter */
  takeBack(letter) {
    if (this.letters.includes(letter)) this.#giveBack(letter, null);
  }

  /** @param {Letter} letter */
  #keep(letter) {
    quietly(() => localStorage.setItem(PREFIX + letter.key, JSON.stringify({ ...letter, images: [], problem: null })));
  }

  /** @param {Letter} letter */
  #drop(letter) {
    this.letters = this.letters.filter((other) => other !== letter);
    quietly(() => localStorage.removeItem(PREFIX + letter.key));
    this.#changed();
  }

  /**
   * @param {Letter} letter
   * @param {Problem | null} problem
   */
  #giveBack(letter, problem) {
    this.#drop(letter);
    this.#returned(letter, problem);
  }

  async #flush() {
    clearTimeout(this.#timer);
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      for (let next; (next = this.letters.find(({ problem }) => !problem));) await this.#send(next);
      this.#failures = 0;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#later(error);
    } finally {
      this.#isSending = false;
    }
  }

  /** @param {Problem} problem */
  #later({ status, retryAfter }) {
    for (const letter of this.letters) letter.isWaiting = !letter.problem;
    this.#changed();
    if (status === 401) return; // Until somebody has signed in.
    const pause = Math.max(retryAfter ?? 0, Math.min(2 ** this.#failures, LONGEST_PAUSE_SECONDS));
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#flush(), pause * 1000 * (0.5 + Math.random() / 2));
  }

  /** @param {Letter} letter */
  async #send(letter) {
    letter.at = Date.now();
    this.#keep(letter);
    try {
      letter.conversation ??= await this.#begin(letter);
      const accepted = await this.#post(letter);
      this.#app.conversation.accept(accepted);
      this.#drop(letter);
    } catch (error) {
      if (!(error instanceof Problem) || error.isPassing || error.status === 401) throw error;
      if (!letter.isInRoom) return this.#giveBack(letter, error);
      letter.problem = error;
      this.#changed();
    }
  }

  /** @param {Letter} letter */
  async #begin(letter) {
    const isHere = this.#app.place.id === null;
    const { id } = await this.#app.api.post("/api/conversations", letter.draft);
    letter.conversation = id;
    this.#keep(letter);
    if (isHere && this.#app.place.id === null) this.#app.place.open(id, { replace: true });
    this.#app.events.tell("made", id);
    return id;
  }

  /** @param {Letter} letter */
  #post({ conversation, text, images, choice, key }) {
    const parts = images.map((url) => ({ type: "image_url", image_url: { url } }));
    const content = parts.length ? [...(text.trim() ? [{ type: "text", text }] : []), ...parts] : text;
    const path = `/api/conversations/${conversation}/messages`;
    return this.#app.api.post(path, { content, ...choice }, { key, seconds: 20 + images.length * 20 });
  }
}

/** The same after a reload, and another one in every other tab. */
function tabName() {
  let name = newKey();
  quietly(() => {
    name = sessionStorage.getItem("llmchat.tab") ?? name;
    sessionStorage.setItem("llmchat.tab", name);
  });
  return name;
}

/** @param {string | null} kept @returns {Letter | null} */
function letterOf(kept) {
  try {
    const letter = JSON.parse(kept ?? "null");
    return typeof letter?.text === "string" && typeof letter.key === "string" ? { ...letter, images: [] } : null;
  } catch {
    return null;
  }
}
