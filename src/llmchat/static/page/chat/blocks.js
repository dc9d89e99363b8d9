/** One block of markdown as elements: a paragraph, a list, a table, some code. */

import { Lexer, Parser, Renderer } from "../vendor/marked/marked.esm.js";
import { codeBlock } from "./code.js";
import { isImage, isLink, sanitized } from "./sanitize.js";

/** @typedef {import("../vendor/marked/marked.esm.js").Token} Token */
/** @typedef {import("../vendor/marked/marked.esm.js").Links} Links */
/** @import { Tokens } from "../vendor/marked/marked.esm.js" */

// The only HTML that counts as such. Any other is text, and nothing of an answer vanishes.
const PLAIN_TAG = /^<(?:br\s*\/?|\/?(?:b|del|em|i|kbd|mark|s|strong|sub|sup|u))>$/i;
const MOST_DEPTH = 40;
const MOST_MARKS = 600;

/** @param {string} text */
const escaped = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

class Inert extends Renderer {
  /** @override @param {Tokens.HTML | Tokens.Tag} token */
  html({ text, raw, block }) {
    if (PLAIN_TAG.test(text.trim())) return text;
    return block ? `<p>${escaped(raw.trim()).replaceAll("\n", "<br>")}</p>` : escaped(raw);
  }

  /** @override @param {Tokens.Link} token */
  link({ href, title, tokens }) {
    const inner = this.parser.parseInline(tokens);
    if (!isLink(href)) return inner;
    return `<a href="${escaped(href)}"${title ? ` title="${escaped(title)}"` : ""}>${inner}</a>`;
  }

  /**
   * A picture that is elsewhere is a link: to load it would tell that server who reads what.
   *
   * @override
   * @param {Tokens.Image} token
   */
  image({ href, text }) {
    if (isImage(href)) return `<img src="${escaped(href)}" alt="${escaped(text || "Image")}">`;
    if (!isLink(href)) return escaped(text);
    const { host } = new URL(href);
    return `<a href="${escaped(href)}" class="task">${escaped(`${text || "Image"} (open the image at ${host})`)}</a>`;
  }

  /** @override @param {Tokens.Checkbox} token */
  checkbox({ checked }) {
    return `<span class="task">${checked ? "☑" : "☐"}</span> `;
  }
}

const OPTIONS = { gfm: true, breaks: true, renderer: new Inert() };

/**
 * The blocks of a text, and all definitions of links that hold there.
 *
 * @param {string} text With line feeds alone.
 * @param {Links} links Definitions further up.
 * @returns {{tokens: Token[], links: Links}}
 */
export function lex(text, links) {
  const lexer = new Lexer(OPTIONS);
  Object.assign(lexer.tokens.links, links);
  try {
    lexer.blockTokens(text, lexer.tokens);
    for (const { src, tokens } of lexer.inlineQueue) {
      if (isTangled(src)) tokens.push({ type: "text", raw: src, text: src });
      else lexer.inlineTokens(src, tokens);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { tokens: [{ type: "plain", raw: text }], links }; // Blocks in blocks in blocks, deeper than the stack.
  }
  return { tokens: [...lexer.tokens], links: lexer.tokens.links };
}

/** Whether to read it would take minutes, which grow with the cube of these marks. @param {string} text */
const isTangled = (text) => (text.match(/[*_~]+/g)?.length ?? 0) > MOST_MARKS;

/**
 * @param {Token} token
 * @returns {Node[]}
 */
export function render(token) {
  if (token.type === "space" || token.type === "def") return [];
  if (token.type === "code") return [codeBlock(token.text, token.lang ?? "")];
  if (token.type === "plain" || depth(token.raw) > MOST_DEPTH) return [plain(token.raw)];
  const fragment = sanitized(Parser.parse([token], OPTIONS));
  for (const code of fragment.querySelectorAll("pre > code")) {
    code.parentElement?.replaceWith(codeBlock(code.textContent ?? "", code.className.replace("language-", "")));
  }
  for (const table of fragment.querySelectorAll("table")) inFrame(table);
  for (const block of fragment.querySelectorAll("p, h1, h2, h3, h4, h5, h6, li, blockquote, td, th")) {
    block.setAttribute("dir", "auto");
  }
  return [...fragment.childNodes];
}

/** How deep lists and quotes are in each other: the parser is recursive. @param {string} raw */
function depth(raw) {
  const marks = raw.match(/^(?:[ \t]*(?:>|[-*+]|\d{1,9}[.)])[ \t]*)+/gm) ?? [];
  return Math.max(0, ...marks.slice(0, 1000).map((mark) => mark.replace(/[ \t\d]/g, "").length));
}

/** @param {string} text */
function plain(text) {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  return paragraph;
}

/** A table that is wider than the page scrolls by itself. @param {Element} table */
function inFrame(table) {
  const frame = document.createElement("div");
  frame.className = "table";
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Table");
  table.replaceWith(frame);
  frame.append(table);
}
