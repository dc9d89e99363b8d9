/** Where a message is written, and what of it was not sent yet. */

import { byId, element, icon } from "../dom.js";
import { draftOf, dropOldDrafts, keepDraft } from "./drafts.js";
import { STOP, UP } from "./drawings.js";
import { Images } from "./images.js";
import { breaksLine } from "./keys.js";
import { advice, notice, refused } from "./notice.js";
import { Outbox } from "./outbox.js";
import { picture } from "./question.js";

/** @typedef {import("../types").App} App */
/** @typedef {import("./outbox.js").Letter} Letter */

const KEEP_MILLISECONDS = 300;
const BUSY = "An answer is still being written. Wait for its end or stop it, then send again.";

/** @param {App} app */
export function showComposer(app) {
  new Composer(app).begin();
}

class Composer {
  #app;
  #form = byId("composer", HTMLFormElement);
  #question = byId("question", HTMLTextAreaElement);
  #button = byId("send", HTMLButtonElement);
  #images = new Images(() => this.#showButton());
  #outbox;
  /** @type {Map<Letter, HTMLElement>} */
  #pending = new Map();
  #isStop = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {string | null} */
  #place = null;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    this.#outbox = new Outbox(app, {
      changed: () => this.#showPending(),
      returned: (letter, problem) => this.#giveBack(letter, problem),
    });
  }

  begin() {
    const { events, conversation } = this.#app;
    const question = this.#question;
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      if (this.#isStop) conversation.stop().catch(refused);
      else this.#send();
    };
    question.onkeydown = (event) => {
      if (event.key !== "Enter" || breaksLine(event)) return;
      event.preventDefault();
      this.#send();
    };
    question.oninput = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#keep(), KEEP_MILLISECONDS);
      this.#showButton();
      this.#app.room.typed(question.value);
    };
    question.onpaste = (event) => {
      const files = [...(event.clipboardData?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
      if (!files.length) return;
      event.preventDefault();
      this.#images.add(files);
    };
    addEventListener("pagehide", () => this.#keep());
    events.on("place", (id) => this.#open(id));
    conversation.subscribe(() => this.#showButton());
    this.#app.room.subscribe(() => this.#showButton());
    dropOldDrafts();
    this.#showButton();
    this.#question.value = draftOf(null);
    queueMicrotask(() => this.#outbox.restore());
  }

  #keep() {
    clearTimeout(this.#timer);
    keepDraft(this.#place, this.#question.value);
  }

  /** @param {string | null} id */
  #open(id) {
    const { value } = this.#question;
    // What was new has a name now, and somebody writes on in it.
    const isSame = this.#place === null && this.#mine().length > 0;
    if (isSame) keepDraft(null, "");
    else this.#keep();
    this.#place = id;
    this.#question.value = isSame ? value : draftOf(id);
    notice("");
    this.#showPending();
    this.#showButton();
    // On a phone, the keyboard would cover what was opened to be read.
    if (matchMedia("(pointer: fine)").matches) this.#question.focus();
  }

  #send() {
    const text = this.#question.value;
    if (!text.trim() && !this.#images.urls.length) return;
    const { choices, conversation, place, room } = this.#app;
    const isInRoom = room.isShared;
    // People talk at once: their messages wait for each other, and nobody for a turn to write.
    if (!isInRoom && (conversation.isGenerating || this.#mine().length)) return notice(BUSY);
    notice("");
    this.#question.value = "";
    this.#keep();
    const images = this.#images.take();
    const choice = isInRoom ? { ...choices.current(), on_busy: /** @type {const} */ ("queue") } : choices.current();
    const draft = place.id === null ? choices.draft() : {};
    this.#outbox.add({ conversation: place.id, text, images, choice, draft, isInRoom });
    this.#app.events.tell("sent", null);
    this.#question.focus();
  }

  /** What waits to be sent here. */
  #mine() {
    return this.#outbox.letters.filter(({ conversation }) => conversation === this.#app.place.id);
  }

  /**
   * @param {Letter} letter
   * @param {import("../api.js").Problem | null} problem
   */
  #giveBack(letter, problem) {
    const joined = (/** @type {string} */ written) => [letter.text, written].filter(Boolean).join("\n\n");
    if (letter.conversation !== this.#app.place.id) {
      keepDraft(letter.conversation, joined(draftOf(letter.conversation)));
    } else {
      this.#question.value = joined(this.#question.value);
      this.#keep();
      if (letter.images.length) this.#images.put(letter.images);
      this.#showButton();
      this.#question.focus();
    }
    const lost = letter.imageCount > letter.images.length ? "Your text is still here; add its images again." : "";
    notice(problem ? (problem.status === 409 ? BUSY : advice(problem)) : lost);
    if (problem?.status === 409) this.#app.conversation.reload(); // Asked from elsewhere: show it.
  }

  #showButton() {
    const { conversation, room } = this.#app;
    const isWritten = !!this.#question.value.trim() || this.#images.urls.length > 0;
    const isStop = conversation.isGenerating && !(room.isShared && isWritten);
    const button = this.#button;
    if (button.childElementCount && isStop === this.#isStop) return;
    this.#isStop = isStop;
    button.ariaLabel = isStop ? "Stop" : "Send";
    button.title = button.ariaLabel;
    button.classList.toggle("stop", isStop);
    button.replaceChildren(icon(isStop ? STOP : UP));
  }

  /** As it will look: nobody waits for the server to see what they wrote. */
  #showPending() {
    const mine = this.#mine();
    for (const [letter, shown] of this.#pending) {
      if (mine.includes(letter)) continue;
      shown.remove();
      this.#pending.delete(letter);
    }
    for (const letter of mine) {
      const shown = this.#pending.get(letter) ?? this.#draw(letter);
      this.#pending.set(letter, shown);
      this.#showState(shown, letter);
      byId("messages", HTMLElement).append(shown);
    }
    byId("welcome", HTMLElement).hidden ||= mine.length > 0;
  }

  /** @param {Letter} letter */
  #draw(letter) {
    const cancel = element("button", { type: "button", class: "button plain small cancel" }, "Take it back");
    cancel.onclick = () => this.#outbox.takeBack(letter);
    const again = element("button", { type: "button", class: "button plain small again" }, "Try again");
    again.onclick = () => this.#outbox.tryAgain(letter);
    const state = element("p", { class: "state" }, element("span", { role: "status" }), again, cancel);
    const bubble = element(
      "div",
      { class: "bubble" },
      element("div", { class: "images" }, ...letter.images.map(picture)),
      element("div", { class: "text", dir: "auto" }, letter.text),
    );
    return element("article", { class: "message user pending", ariaLabel: "You" }, bubble, state);
  }

  /**
   * @param {HTMLElement} shown
   * @param {Letter} letter
   */
  #showState(shown, { isWaiting, problem }) {
    shown.classList.toggle("waiting", isWaiting);
    shown.classList.toggle("failed", !!problem);
    const said = problem
      ? `Not delivered. ${advice(problem)}`
      : isWaiting ? "Not sent yet: it goes out as soon as the server is there." : "Sending…";
    const line = shown.querySelector(".state > span");
    if (line && line.textContent !== said) line.textContent = said;
  }
}
