/** Server-sent events out of a text that comes in pieces of any size. */

/** @typedef {{event: string, data: string}} Frame */

/**
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, as far
 * as this service needs it: no ids, for a conversation's stream has none.
 */
export class FrameReader {
  #rest = "";
  #event = "";
  /** @type {string[]} */
  #data = [];
  /** The server's word on when to come back. @type {number | null} */
  retryMilliseconds = null;

  /**
   * The frames that this piece completes.
   *
   * @param {string} piece
   * @returns {Frame[]}
   */
  take(piece) {
    const text = this.#rest + piece;
    // A CR at the very end may be half of a CRLF.
    const end = text.endsWith("\r") ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? "") + text.slice(end);
    return lines.map((line) => this.#line(line)).filter((frame) => frame !== null);
  }

  /**
   * @param {string} line
   * @returns {Frame | null}
   */
  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "retry" && /^\d{1,7}$/.test(value)) this.retryMilliseconds = Number(value);
    return null;
  }

  /** @returns {Frame | null} */
  #dispatch() {
    const frame = this.#data.length ? { event: this.#event || "message", data: this.#data.join("\n") } : null;
    this.#event = "";
    this.#data = [];
    return frame;
  }
}
