/** The open conversation: joins its stream, its pages and what a person does with it. */

import { Problem } from "../api.js";
import { newKey } from "../ids.js";
import { EMPTY, generating, reduce } from "./state.js";
import { ConversationStream } from "./stream.js";

/** @typedef {import("../types").Message} Message */
/** @typedef {import("./state.js").State} State */

const PAGE = 50;
const RETRY_SECONDS = 3;
const SETTLE_MILLISECONDS = 150;

export class OpenConversation {
  #api;
  #events;
  #place;
  /** @type {State} */
  state = EMPTY;
  /** @type {string | null} */
  id = null;
  /** Why there is nothing to show. @type {Problem | null} */
  problem = null;
  /** Who sees no branch but the active one looks at this one by themselves. @type {string | null} */
  #leaf = null;
  /** @type {ConversationStream | null} */
  #stream = null;
  /** @type {(() => void)[]} */
  #listeners = [];
  #wasGenerating = false;
  #looks = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Promise<void> | null} */
  #older = null;

  /** @param {Pick<import("../types").App, "api" | "events" | "place">} parts */
  constructor({ api, events, place }) {
    this.#api = api;
    this.#events = events;
    this.#place = place;
    events.on("place", (id) => this.#open(id));
    events.on("signed-in", () => this.reload());
  }

  get current() {
    return this.state.conversation;
  }

  get isGenerating() {
    return generating(this.state).length > 0;
  }

  /** @param {() => void} listener Called after each change. */
  subscribe(listener) {
    this.#listeners.push(listener);
  }

  reload() {
    if (!this.id) return;
    if (this.problem) this.#open(this.id);
    else this.#stream?.again();
  }

  /** @param {string | null} id */
  #open(id) {
    clearTimeout(this.#timer);
    this.#stream?.close();
    this.#stream = null;
    if (this.id && this.#wasGenerating) this.#wasGenerating = false; // The sidebar asks for itself.
    Object.assign(this, { id, state: EMPTY, problem: null });
    this.#leaf = null;
    this.#older = null;
    this.#looks += 1;
    if (id) this.#stream = new ConversationStream(`/api/conversations/${id}/stream`, this.#reader(id));
    else this.#events.tell("connection", "idle");
    this.#changed();
  }

  /**
   * @param {string} id
   * @returns {import("./stream.js").Reader}
   */
  #reader(id) {
    const mine = () => this.id === id;
    return {
      api: this.#api,
      heard: (event, data) => mine() && this.#hear(event, data),
      told: (connection) => mine() && this.#events.tell("connection", connection),
      refused: (problem) => mine() && this.#refuse(problem),
      isNeeded: () => this.isGenerating,
    };
  }

  /** @param {Problem} problem */
  #refuse(problem) {
    this.#stream?.close();
    this.problem = problem;
    this.#events.tell("connection", "idle");
    this.#changed();
  }

  /**
   * @param {string} event
   * @param {any} data
   */
  #hear(event, data) {
    if (event === "conversation" && data.deleted) return this.#gone();
    this.#reduce(event, data);
    if (this.state.torn) return this.#stream?.again();
    if (event === "snapshot") this.#look();
    if (event === "conversation" && this.#isElsewhere()) this.#lookSoon();
    if (event === "message") this.#leaf = null;
    if (event === "finished" || event === "failed") this.#fetchStored(data.generation_id);
  }

  #gone() {
    const { id } = this;
    if (!id) return;
    this.#events.tell("deleted", id);
    if (this.#place.id === id) this.#place.open(null, { replace: true });
  }

  /** Somebody switched to another branch, or cleared it all. */
  #isElsewhere() {
    const leaf = this.state.conversation?.active_leaf;
    return leaf !== undefined && leaf !== (this.state.branch.at(-1) ?? null);
  }

  #lookSoon() {
    clearTimeout(this.#timer);
    // The messages of a send are told right behind it, and then there is nothing to look for.
    this.#timer = setTimeout(() => this.#isElsewhere() && this.#look(), SETTLE_MILLISECONDS);
  }

  /** Reads the end of the branch. The stream tells what happens, but not what was. */
  async #look() {
    clearTimeout(this.#timer);
    const look = ++this.#looks;
    try {
      const items = await this.#read(this.#leaf, PAGE);
      if (look === this.#looks) this.#reduce("page", { items });
    } catch (error) {
      if (look !== this.#looks) return;
      const problem = asProblem(error);
      if (problem.isPassing) this.#timer = setTimeout(() => this.#look(), RETRY_SECONDS * 1000);
      else if (problem.status === 404 && this.#leaf) this.#leaf = null;
      else if (problem.status !== 401) this.#refuse(problem);
    }
  }

  /**
   * The end of a branch, the oldest message first.
   *
   * @param {string | null} leaf
   * @param {number} limit
   * @returns {Promise<Message[]>}
   */
  async #read(leaf, limit) {
    const ending = leaf ? `&leaf=${leaf}` : "";
    const path = `/api/conversations/${this.id}/messages?order=desc&limit=${limit}${ending}`;
    return (await this.#api.get(path)).items.reverse();
  }

  /** What was settled is in the history with its usage, its time and its versions. */
  async #fetchStored(/** @type {string} */ generationId) {
    const { id } = this;
    const message = [...this.state.messages.values()].find((one) => one.generation_id === generationId);
    if (!message) return;
    const items = await this.#read(message.id, 1).catch(() => []);
    if (items.length && this.id === id) this.#reduce("stored", items[0]);
  }

  /**
   * @param {string} event
   * @param {any} data
   */
  #reduce(event, data) {
    const before = this.current;
    this.state = reduce(this.state, { event, data });
    this.#changed();
    if (this.current && this.current !== before) this.#events.tell("conversation", this.current);
  }

  #changed() {
    const { id, isGenerating } = this;
    if (id && isGenerating !== this.#wasGenerating) this.#events.tell("generating", { id, generating: isGenerating });
    this.#wasGenerating = isGenerating;
    for (const listener of this.#listeners) listener();
  }

  get hasOlder() {
    const first = this.state.messages.get(this.state.branch[0]);
    return this.state.loaded && !!first?.parent_id;
  }

  /** Reads what is above; a branch that ends there has no place that could move. */
  loadOlder() {
    const { id } = this;
    const before = this.state.messages.get(this.state.branch[0])?.parent_id;
    if (!before || this.#older) return this.#older;
    this.#older = this.#read(before, PAGE)
      .then((items) => this.id === id && this.#reduce("older", { items }))
      .then(() => {})
      .finally(() => (this.#older = null));
    return this.#older;
  }

  /** @param {{message: Message, reply: Message | null}} accepted A 202: the stream tells it too. */
  accept({ message, reply }) {
    if (message.conversation_id !== this.id) return;
    this.#leaf = null;
    this.#reduce("message", message);
    if (reply) this.#reduce("message", reply);
  }

  async stop() {
    // The newest first, or one that waits would begin.
    for (const id of generating(this.state).reverse()) {
      await this.#api.post(`/api/generations/${id}/stop`);
    }
  }

  /**
   * @param {Message} answer
   * @param {{model?: string | null, params?: Record<string, unknown>}} choice
   */
  async regenerate(answer, choice) {
    this.accept(await this.#api.post(`/api/messages/${answer.id}/regenerate`, choice, { key: newKey() }));
  }

  /** @param {Message} answer */
  async goOn(answer) {
    this.accept(await this.#api.post(`/api/messages/${answer.id}/continue`, {}, { key: newKey() }));
  }

  /** @param {string} id Of any version of a message: its branch becomes the one that is shown. */
  async switchTo(id) {
    if (this.state.conversation?.role === "viewer") {
      this.#leaf = id;
    } else {
      const changed = await this.#api.patch(`/api/conversations/${this.id}`, { active_leaf: id });
      if (changed.id !== this.id) return;
      this.#leaf = null;
      this.#reduce("conversation", changed);
    }
    await this.#look();
  }

  /**
   * @param {Message} answer
   * @param {import("../types").Feedback | null} feedback
   */
  async rate(answer, feedback) {
    this.#reduce("stored", { ...answer, feedback });
    const path = `/api/messages/${answer.id}/feedback`;
    try {
      await (feedback ? this.#api.put(path, feedback) : this.#api.delete(path));
    } catch (error) {
      this.#reduce("stored", answer);
      throw error;
    }
  }
}

/** @param {unknown} error */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  throw error;
}
