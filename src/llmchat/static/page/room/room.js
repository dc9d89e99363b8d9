/** The open conversation as a room: whether several people are in it, who is here, and who is typing. */

import { NOBODY, heardLately, told } from "./company.js";
import { RoomSocket } from "./socket.js";

const SAY_AGAIN_SECONDS = 2.5;
const LOOK_SECONDS = 1;

const seconds = () => performance.now() / 1000;

export class Room {
  #app;
  /** @type {RoomSocket | null} */
  #socket = null;
  /** @type {(() => void)[]} */
  #listeners = [];
  /** Whose members are known, or being asked for. @type {string | null} */
  #asked = null;
  #saidAt = -Infinity;
  #isServerThere = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking;
  /** The user's name. @type {string | null} */
  me = null;
  /** Whether others are members of the open conversation, too. */
  isShared = false;
  company = NOBODY;

  /** @param {Pick<import("../types").App, "api" | "events" | "place" | "conversation">} app */
  constructor(app) {
    this.#app = app;
    const { events } = app;
    events.on("me", ({ user }) => {
      this.me = user;
      this.#changed();
    });
    events.on("place", () => this.#leave());
    events.on("signed-out", () => this.#leave());
    events.on("conversation", ({ id, role }) => id === app.place.id && this.#look(id, role ?? "owner"));
    events.on("members", (id) => id === app.place.id && void this.#ask(id));
    events.on("connection", (connection) => this.#hearOf(connection));
    events.on("sent", () => this.typed(""));
  }

  /** @param {() => void} listener Called after each change. */
  subscribe(listener) {
    this.#listeners.push(listener);
  }

  /** Whether somebody else wrote it. @param {import("../types").Message} message */
  isOthers({ author }) {
    return this.me !== null && !!author && author !== this.me;
  }

  /** Lets the others see that a message is being written. @param {string} text As it is now. */
  typed(text) {
    if (!this.#socket || this.#app.conversation.current?.role === "viewer") return;
    const isTyping = text.trim() !== "";
    const wasTyping = this.#saidAt > -Infinity;
    if (isTyping ? seconds() - this.#saidAt < SAY_AGAIN_SECONDS : !wasTyping) return;
    this.#saidAt = isTyping ? seconds() : -Infinity;
    this.#socket.say({ type: "typing", typing: isTyping });
  }

  /**
   * @param {string} id
   * @param {"owner" | "editor" | "viewer"} role
   */
  #look(id, role) {
    if (role !== "owner") this.#enter(id);
    else if (!this.#socket) void this.#ask(id);
  }

  /** Only the members tell an owner whether they are alone. @param {string} id */
  async #ask(id) {
    this.#asked = id;
    const found = await this.#app.api.get(`/api/conversations/${id}/members`).catch(() => null);
    if (this.#asked !== id) return;
    if (!found) this.#asked = null; // The next snapshot asks again.
    else if (found.items.length) this.#enter(id);
    else this.#part();
  }

  /** @param {string} id */
  #enter(id) {
    if (this.#socket) return;
    this.isShared = true;
    this.#socket = new RoomSocket(id, {
      heard: (frame) => this.#tell(told(this.company, frame, seconds())),
      lost: () => this.#tell(NOBODY),
      ended: () => this.#part(),
    });
    this.#changed();
  }

  /** @param {import("../types").Connection} connection Of the conversation's stream. */
  #hearOf(connection) {
    // The server is there again: sooner than we would have looked.
    if (connection === "open" && !this.#isServerThere) this.#socket?.hurry();
    this.#isServerThere = connection === "open";
  }

  #leave() {
    this.#asked = null;
    this.#part();
  }

  #part() {
    this.#socket?.close();
    this.#socket = null;
    this.#saidAt = -Infinity;
    this.isShared = false;
    this.#tell(NOBODY);
  }

  /** @param {import("./company.js").Company} company */
  #tell(company) {
    this.company = company;
    clearInterval(this.#looking);
    if (company.typing.size) this.#looking = setInterval(() => this.#forget(), LOOK_SECONDS * 1000);
    this.#changed();
  }

  #forget() {
    const now = heardLately(this.company, seconds());
    if (now !== this.company) this.#tell(now);
  }

  #changed() {
    for (const listener of this.#listeners) listener();
  }
}
