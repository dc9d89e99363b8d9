/** A place in one room, for as long as it is open: through lost networks, deploys and sleep.

What is said comes over the conversation's stream, here as in any conversation; this connection is for
being there. Without it the page works, and shows nobody. */

import { pauseAfter, whenTheWorldChanges } from "../waking.js";

const PATH = "/api/ws";
const SUBPROTOCOL = "llmchat.v1";
const CONNECT_SECONDS = 20;
/** A browser shows no script the server's own pings: who wants to know asks. */
const ASK_SECONDS = 15;
const SILENCE_SECONDS = 10;
const LONGEST_PAUSE_SECONDS = 30;
const NO_LONGER_ADMITTED = 4401;

/**
 * @typedef {object} Guest
 * @property {(frame: any) => void} heard
 * @property {() => void} lost Nobody knows any more who is there; it is tried again.
 * @property {() => void} ended There is no such room for us.
 */

export class RoomSocket {
  #room;
  #guest;
  /** @type {WebSocket | null} */
  #socket = null;
  #isJoined = false;
  #closed = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #listening = new AbortController();

  /**
   * @param {string} room A conversation's id.
   * @param {Guest} guest
   */
  constructor(room, guest) {
    this.#room = room;
    this.#guest = guest;
    const again = () => this.again();
    const drop = () => this.#lose();
    const wake = () => this.#isJoined || this.again();
    whenTheWorldChanges({ again, lost: drop, drop, wake, isNeeded: () => false }, this.#listening.signal);
    this.#connect();
  }

  get isJoined() {
    return this.#isJoined;
  }

  /** @param {Record<string, unknown>} frame Dropped when we are not there. */
  say(frame) {
    if (this.#isJoined) this.#send({ ...frame, conversation_id: this.#room });
  }

  /** Waits no longer to try again. */
  hurry() {
    if (!this.#socket && navigator.onLine) this.again();
  }

  /** Comes back at once. */
  again() {
    if (this.#closed) return;
    this.#lose();
    this.#connect();
  }

  close() {
    this.#closed = true;
    this.#listening.abort();
    this.#drop();
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#socket = null;
    this.#isJoined = false;
  }

  #lose() {
    this.#drop();
    this.#guest.lost();
  }

  #connect() {
    clearTimeout(this.#timer);
    const url = new URL(PATH, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url, [SUBPROTOCOL]));
    const mine = () => this.#socket === socket;
    socket.onopen = () => mine() && this.#send({ type: "join_room", conversation_id: this.#room, follow: false, ref: "join" });
    socket.onmessage = ({ data }) => mine() && this.#hear(JSON.parse(data));
    socket.onclose = ({ code }) => mine() && this.#later(code);
    this.#timer = setTimeout(() => this.#later(), CONNECT_SECONDS * 1000);
  }

  /** @param {Record<string, unknown>} frame */
  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** @param {any} frame */
  #hear(frame) {
    if (frame.type === "error" && frame.ref === "join") return this.#refused(frame.problem.status);
    if (frame.type === "left") return frame.reason === "error" ? this.#later() : this.#end();
    this.#watch();
    if (frame.type === "joined") {
      this.#isJoined = true;
      this.#failures = 0;
    }
    this.#guest.heard(frame);
  }

  /** @param {number} status */
  #refused(status) {
    if (status === 404 || status === 403) this.#end();
    else this.#later();
  }

  #end() {
    this.close();
    this.#guest.ended();
  }

  /** A connection can be dead and look open: now and then it has to answer. */
  #watch() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#send({ type: "ping" });
      this.#timer = setTimeout(() => this.#later(), SILENCE_SECONDS * 1000);
    }, ASK_SECONDS * 1000);
  }

  /** @param {number} [code] */
  #later(code) {
    this.#lose();
    if (this.#closed || code === NO_LONGER_ADMITTED || !navigator.onLine) return; // `again` when that is over.
    this.#timer = setTimeout(() => this.#connect(), pauseAfter(this.#failures, { longest: LONGEST_PAUSE_SECONDS * 1000 }));
    this.#failures += 1;
  }
}
