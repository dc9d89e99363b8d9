/** One conversation's stream, for as long as it is open: through lost networks, restarts and sleep.

An `EventSource` gives up for good on any status but 200, and does not notice a connection that is
dead but open: so this is a reader of our own, on `fetch`. */

import { Problem } from "../api.js";
import { pauseAfter, whenTheWorldChanges } from "../waking.js";
import { FrameReader } from "./frames.js";

/** @typedef {import("../types").Connection} Connection */

const CONNECT_SECONDS = 20;
const SILENCE_SECONDS = 25; // The server sends a heartbeat after 10 s of silence.
const SUSPICIOUS_SECONDS = 12; // When the tab comes back: so much and no heartbeat is too much.
const LONGEST_PAUSE_SECONDS = 10;

/**
 * @typedef {object} Reader
 * @property {import("../types").Api} api
 * @property {(event: string, data: any) => void} heard
 * @property {(connection: Connection) => void} told How the stream is now.
 * @property {(problem: Problem) => void} refused It ended for good: there is nothing to follow.
 * @property {() => boolean} isNeeded Whether also a tab that nobody sees has to follow.
 */

export class ConversationStream {
  #path;
  #reader;
  /** @type {AbortController | null} */
  #request = null;
  #closed = false;
  #failures = 0;
  #heardAt = 0;
  #retryMilliseconds = 1000;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #listening = new AbortController();

  /**
   * @param {string} path
   * @param {Reader} reader
   */
  constructor(path, reader) {
    this.#path = path;
    this.#reader = reader;
    this.#listen();
    this.#connect();
  }

  close() {
    this.#closed = true;
    this.#listening.abort();
    this.#drop();
  }

  /** Comes back at once: something is missing, or the server knows us again. */
  again() {
    if (this.#closed) return;
    this.#drop();
    this.#connect();
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = null;
  }

  #listen() {
    const { signal } = this.#listening;
    const wake = () => {
      this.#failures = 0;
      const silent = Date.now() - this.#heardAt > SUSPICIOUS_SECONDS * 1000;
      if (!this.#request || silent) this.again();
    };
    const again = () => this.again();
    const lost = () => this.#reader.told("offline");
    const drop = () => this.#drop();
    whenTheWorldChanges({ again, lost, drop, wake, isNeeded: () => this.#reader.isNeeded() }, signal);
  }

  async #connect() {
    const request = (this.#request = new AbortController());
    this.#reader.told(navigator.onLine ? (this.#failures ? "reconnecting" : "connecting") : "offline");
    this.#watch(CONNECT_SECONDS);
    try {
      const { signal } = request;
      const headers = { Accept: "text/event-stream" };
      const response = await this.#reader.api.open("GET", this.#path, { signal, headers, seconds: 0 });
      await this.#read(response, request);
      throw new Problem({ title: "The stream has ended" });
    } catch (error) {
      if (this.#request !== request) return; // Somebody else took over.
      this.#lost(error instanceof Problem ? error : new Problem({ title: "The stream broke off" }));
    }
  }

  /**
   * @param {Response} response
   * @param {AbortController} request
   */
  async #read(response, request) {
    if (!response.body) return;
    const frames = new FrameReader();
    const decoder = new TextDecoder();
    const pieces = response.body.getReader();
    for (;;) {
      const { done, value } = await pieces.read();
      if (this.#request !== request) return void pieces.cancel().catch(() => {});
      if (done) return;
      this.#alive();
      for (const { event, data } of frames.take(decoder.decode(value, { stream: true }))) {
        if (event !== "heartbeat") this.#reader.heard(event, JSON.parse(data));
        if (this.#request !== request) return; // What it heard made it begin anew.
      }
      this.#retryMilliseconds = frames.retryMilliseconds ?? this.#retryMilliseconds;
    }
  }

  #alive() {
    this.#heardAt = Date.now();
    this.#failures = 0;
    this.#watch(SILENCE_SECONDS);
    this.#reader.told("open");
  }

  /** @param {number} seconds Of silence, until the connection counts as dead. */
  #watch(seconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#drop();
      this.#lost(new Problem({ title: "The stream fell silent" }));
    }, seconds * 1000);
  }

  /** @param {Problem} problem */
  #lost(problem) {
    this.#drop();
    if (this.#closed) return;
    if (problem.status === 401) return this.#reader.told("idle"); // `again` when somebody signed in.
    if (!problem.isPassing) return this.#reader.refused(problem);
    this.#reader.told(!navigator.onLine ? "offline" : problem.status === 503 ? "restarting" : "reconnecting");
    this.#timer = setTimeout(() => this.again(), this.#pauseMilliseconds(problem));
    this.#failures += 1;
  }

  /** @param {Problem} problem */
  #pauseMilliseconds({ retryAfter }) {
    const pause = pauseAfter(this.#failures, { first: this.#retryMilliseconds, longest: LONGEST_PAUSE_SECONDS * 1000 });
    return Math.max((retryAfter ?? 0) * 1000, pause);
  }
}
