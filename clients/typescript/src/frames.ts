/** Server-sent events out of a text that comes in pieces of any size. */

import { unanswered } from "./problem.js";

export interface Frame {
  event: string;
  data: string;
  /** The cursor to come back with, when this frame sets one. */
  id: string | null;
}

/** An answer has at most 4 MiB of text, of which JSON makes at most six times as much. */
const MOST_CHARS = 32 * 1024 * 1024;

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation */
export class FrameReader {
  #rest = "";
  #hadReturn = false;
  #event = "";
  #id: string | null = null;
  #data: string[] = [];
  #chars = 0;
  /** The server's word on when to come back. */
  retrySeconds: number | null = null;

  /** The frames that this piece completes. What a cut connection leaves half never becomes one. */
  take(piece: string): Frame[] {
    const found: Frame[] = [];
    const ends = /\r\n?|\n/g;
    // The second half of a CRLF that came in two pieces ends no line of its own.
    let begin = this.#hadReturn && piece.startsWith("\n") ? 1 : 0;
    ends.lastIndex = begin;
    for (let end = ends.exec(piece); end !== null; end = ends.exec(piece)) {
      const frame = this.#line(this.#rest + piece.slice(begin, end.index));
      if (frame !== null) found.push(frame);
      this.#rest = "";
      begin = ends.lastIndex;
    }
    this.#rest += piece.slice(begin);
    if (piece !== "") this.#hadReturn = piece.endsWith("\r");
    if (this.#rest.length + this.#chars > MOST_CHARS) throw unanswered("An event is larger than any answer");
    return found;
  }

  #line(line: string): Frame | null {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "data") this.#grow(value);
    else if (name === "retry" && /^\d{1,7}$/.test(value)) this.retrySeconds = Number(value) / 1000;
    return null;
  }

  #grow(value: string): void {
    this.#data.push(value);
    this.#chars += value.length;
  }

  #dispatch(): Frame | null {
    const isFrame = this.#data.length > 0;
    const frame = { event: this.#event || "message", data: this.#data.join("\n"), id: this.#id };
    [this.#event, this.#id, this.#data, this.#chars] = ["", null, [], 0];
    return isFrame ? frame : null;
  }
}

/** What its data says. */
export function saidIn({ data }: Frame): object {
  try {
    const said: unknown = JSON.parse(data);
    if (said !== null && typeof said === "object") return said;
  } catch (error) {
    throw unanswered("An event of the stream cannot be read", error);
  }
  throw unanswered("An event of the stream is no object");
}
