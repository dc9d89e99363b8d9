/** Markdown that grows: finished blocks are left alone, only the open one at the end is read again. */

import { lex, render } from "./blocks.js";
import { colourSoon } from "./code.js";

/** A text of so many characters without an end of a block would be read again and again. */
const MOST_OPEN_CHARS = 200_000;

export class Markdown {
  #root;
  #source = "";
  /** Where the open block begins. */
  #begin = 0;
  /** @type {Node[]} */
  #tail = [];
  /** @type {import("./blocks.js").Links} */
  #links = {};
  #whole = false;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /**
   * Shows this text, of which it may have shown the beginning already.
   *
   * @param {string} text
   * @param {boolean} whole Nothing follows.
   */
  show(text, whole) {
    const source = text.replace(/\r\n?/g, "\n");
    if (source === this.#source && whole === this.#whole) return;
    if (this.#whole || !source.startsWith(this.#source)) this.#clear();
    this.#source = source;
    this.#whole = whole;
    if (whole) this.#finish();
    else this.#grow();
  }

  #clear() {
    this.#root.replaceChildren();
    this.#begin = 0;
    this.#tail = [];
    this.#links = {};
  }

  #finish() {
    this.#dropTail();
    let { tokens, links } = lex(this.#source.slice(this.#begin), this.#links);
    if (Object.keys(links).length) {
      // A definition gives links a meaning that stood as text further up.
      this.#clear();
      tokens = lex(this.#source, {}).tokens;
    }
    for (const token of tokens) this.#freeze(token);
  }

  #grow() {
    const open = this.#source.slice(this.#begin);
    if (this.#lengthen(open)) return;
    this.#dropTail();
    if (open.length > MOST_OPEN_CHARS) return this.#append({ type: "plain", raw: open });
    const { tokens } = lex(open, this.#links);
    const last = tokens.findLastIndex(({ type }) => type !== "space");
    for (const token of tokens.slice(0, Math.max(last, 0))) this.#freeze(token);
    if (last >= 0) this.#append(healed(tokens[last], this.#links));
  }

  #dropTail() {
    for (const node of this.#tail) node.parentNode?.removeChild(node);
    this.#tail = [];
  }

  /** @param {import("./blocks.js").Token} token */
  #freeze(token) {
    if (token.type === "def") this.#links[token.tag] ??= { href: token.href, title: token.title };
    const nodes = render(token);
    this.#root.append(...nodes);
    this.#begin += token.raw.length;
    for (const node of nodes) {
      if (!(node instanceof HTMLElement)) continue;
      for (const block of node.matches(".code") ? [node] : node.querySelectorAll(".code")) {
        colourSoon(/** @type {HTMLElement} */ (block));
      }
    }
  }

  /** @param {import("./blocks.js").Token} token */
  #append(token) {
    this.#tail = render(token);
    this.#root.append(...this.#tail);
  }

  /**
   * Code that only grows is not made anew: what is selected in it stays so.
   *
   * @param {string} open
   */
  #lengthen(open) {
    const [block] = this.#tail;
    if (this.#whole || !(block instanceof HTMLElement) || !block.matches(".code")) return false;
    const begun = /^(`{3,}|~{3,})[^\n]*\n/.exec(open);
    if (!begun || open.includes(`\n${begun[1]}`)) return false;
    const text = open.slice(begun[0].length);
    // While the last line may be the closing fence, it is not shown.
    const shown = text.replace(/\n[`~]{0,2}$/, "");
    const code = block.querySelector("code")?.firstChild;
    if (!(code instanceof Text) || !shown.startsWith(code.data)) return false;
    code.appendData(shown.slice(code.length));
    return true;
  }
}

/**
 * An open paragraph as it will most likely be: emphasis that has not ended yet is shown as such, and
 * a link as soon as it has a text, instead of signs that vanish later.
 *
 * @param {import("./blocks.js").Token} token
 * @param {import("./blocks.js").Links} links
 */
function healed(token, links) {
  if (token.type !== "paragraph") return token;
  let text = token.raw.replace(/!?\[([^\]\n]*)\]\([^)\s]*$/, "$1").replace(/(?<=\s|^)[*_~`]+$/, "");
  for (const mark of ["`", "**", "~~"]) {
    if (text.split(mark).length % 2 === 0) text = text.trimEnd() + mark;
  }
  return lex(text, links).tokens[0] ?? token;
}
