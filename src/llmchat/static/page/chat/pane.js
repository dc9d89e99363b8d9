/** The messages of the open conversation, in their order. */

import { byId, element } from "../dom.js";
import { AnswerView } from "./answer.js";
import { Doings } from "./doings.js";
import { NoteView } from "./note.js";
import { refused } from "./notice.js";
import { Painting } from "./painting.js";
import { QuestionView } from "./question.js";
import { Scroll } from "./scroll.js";
import { liveOf } from "./state.js";
import { showStatus } from "./statusline.js";

/** @typedef {import("../types").App} App */
/** @typedef {AnswerView | QuestionView | NoteView} View */

/** So many of the newest messages are drawn at once. */
const AWAKE = 6;
const STATUS = { complete: "finished", stopped: "stopped", failed: "failed", interrupted: "interrupted" };

/** @param {App} app */
export function showConversation(app) {
  const pane = new Pane(app);
  showStatus(app);
  app.conversation.subscribe(() => pane.changed());
  app.room.subscribe(() => pane.changed());
  app.events.on("place", () => pane.begin());
  app.events.on("sent", () => pane.toEnd());
}

class Pane {
  #app;
  #doings;
  #messages = byId("messages", HTMLElement);
  #welcome = byId("welcome", HTMLElement);
  #spoken = byId("spoken", HTMLElement);
  #above = element("div", { class: "above" });
  #problem = element("div", { class: "nothing", role: "alert" });
  #scroll = new Scroll();
  #painting = new Painting(() => this.#paint());
  /** @type {Map<string, View>} */
  #views = new Map();
  /** @type {readonly string[]} */
  #branch = [];
  #near = new IntersectionObserver((entries) => this.#wake(entries), {
    root: byId("scroller", HTMLElement),
    rootMargin: "1500px 0px",
  });

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    this.#doings = new Doings(app);
    this.#messages.before(this.#above);
    this.#messages.after(this.#problem);
    const near = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.#loadOlder(), {
      root: byId("scroller", HTMLElement),
      rootMargin: "1200px 0px 0px",
    });
    near.observe(this.#above);
  }

  /** Another conversation: its end is what is read first. */
  begin() {
    this.#near.disconnect();
    this.#views.clear();
    this.#branch = [];
    this.#messages.replaceChildren();
    this.#scroll.toEnd();
    this.#painting.now();
  }

  toEnd() {
    this.#scroll.toEnd();
  }

  changed() {
    this.#painting.ask();
  }

  #paint() {
    const { conversation } = this.#app;
    const { state, id, problem } = conversation;
    document.body.classList.toggle("generating", conversation.isGenerating);
    document.body.classList.toggle("viewer", state.conversation?.role === "viewer");
    const isEmpty = !id || (state.loaded && state.branch.length === 0);
    this.#welcome.hidden = !isEmpty || !!problem || this.#messages.childElementCount > this.#views.size;
    this.#problem.textContent = problem ? lost(problem.status, problem.title) : "";
    this.#above.hidden = !conversation.hasOlder;
    if (state.branch !== this.#branch) this.#scroll.keeping(() => this.#arrange());
    for (const messageId of state.branch) this.#update(messageId);
  }

  /** Puts the views into the order of the branch; those that stay are not touched. */
  #arrange() {
    const { branch } = this.#app.conversation.state;
    const shown = new Set(branch);
    const far = new Set(branch.filter((id) => !this.#views.has(id)).slice(0, -AWAKE));
    for (const [id, view] of this.#views) {
      if (shown.has(id)) continue;
      view.element.remove();
      this.#views.delete(id);
    }
    /** @type {Element | null} */
    let place = this.#messages.firstElementChild;
    for (const id of branch) {
      const view = this.#viewOf(id, far.has(id));
      this.#update(id);
      if (view.element === place) place = place.nextElementSibling;
      else this.#messages.insertBefore(view.element, place);
    }
    this.#branch = branch;
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #wake(entries) {
    for (const { isIntersecting, target } of entries) {
      const view = this.#views.get(target.id);
      if (!isIntersecting || !(view instanceof AnswerView)) continue;
      this.#near.unobserve(target);
      view.wake();
    }
  }

  /**
   * @param {string} id
   * @param {boolean} isFar
   */
  #viewOf(id, isFar) {
    const known = this.#views.get(id);
    if (known) return known;
    const role = this.#app.conversation.state.messages.get(id)?.role;
    const view = this.#newView(role, isFar);
    view.element.id = id;
    this.#views.set(id, view);
    if (isFar) this.#near.observe(view.element);
    return view;
  }

  /**
   * @param {import("../types").Role | undefined} role
   * @param {boolean} isFar
   */
  #newView(role, isFar) {
    if (role === "assistant") return new AnswerView(this.#doings, isFar);
    return role === "user" ? new QuestionView(this.#doings) : new NoteView();
  }

  /** @param {string} id */
  #update(id) {
    const { state } = this.#app.conversation;
    const message = state.messages.get(id);
    const view = this.#views.get(id);
    if (!message || !view) return;
    if (!(view instanceof AnswerView)) return view.update(message);
    const wasBusy = view.isBusy;
    view.update(message, liveOf(state, message));
    if (wasBusy && !view.isBusy) this.#say(message.status);
  }

  /** @param {string} status */
  #say(status) {
    this.#spoken.textContent = `Answer ${/** @type {Record<string, string>} */ (STATUS)[status] ?? status}.`;
  }

  #loadOlder() {
    if (!this.#app.conversation.hasOlder) return;
    this.#app.conversation.loadOlder()?.catch(refused);
  }
}

/**
 * @param {number} status
 * @param {string} title
 */
function lost(status, title) {
  return status === 404 || status === 422
    ? "There is no such conversation (any more). Begin a new one."
    : `${title}. Reload the page to try again.`;
}
