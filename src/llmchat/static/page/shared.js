/**
 * What a link shows: a conversation to read, without a key. The secret is behind the `#`, which browsers
 * keep to themselves: it is in no log and in no `Referer`.
 */

import { createApi } from "./api.js";
import { facts, imagesOf, textOf } from "./chat/facts.js";
import { Markdown } from "./chat/markdown.js";
import { picture } from "./chat/question.js";
import { isImage } from "./chat/sanitize.js";
import { byId, element } from "./dom.js";
import { Events } from "./events.js";

/** @typedef {import("./types").Message} Message */

const LOOK_SECONDS = 5;
const api = createApi(new Events());
const [title, messages, notice] = ["title", "messages", "notice"].map((id) => byId(id, HTMLElement));
/** @type {Map<string, (message: Message) => void>} Shows a message that is on the page already anew. */
const shown = new Map();

async function look() {
  try {
    const path = `/api/shared/${encodeURIComponent(location.hash.slice(1))}`;
    for (let cursor = ""; cursor !== null;) {
      const found = await api.get(`${path}?limit=200${cursor && `&cursor=${cursor}`}`);
      document.title = title.textContent = found.title || "A shared chat";
      for (const message of found.messages) show(message);
      cursor = found.next_cursor;
    }
    notice.textContent = shown.size ? "" : "Nothing has been said here yet.";
  } catch (error) {
    const { status } = /** @type {import("./api.js").Problem} */ (error);
    const isGone = status === 404 || status === 422 || status === 405;
    notice.textContent = isGone ? "This link shows nothing, or no longer." : "The server cannot be reached now. It is tried again.";
    if (isGone) return messages.replaceChildren();
  }
  setTimeout(look, LOOK_SECONDS * 1000);
}

/** @param {Message} message */
function show(message) {
  if (message.role !== "user" && message.role !== "assistant") return;
  const update = shown.get(message.id) ?? (message.role === "user" ? question() : answer());
  shown.set(message.id, update);
  update(message);
}

function question() {
  const text = element("div", { class: "text", dir: "auto" });
  const images = element("div", { class: "images" });
  messages.append(element("article", { class: "message user", ariaLabel: "You" }, element("div", { class: "bubble" }, images, text)));
  return (/** @type {Message} */ { content }) => {
    if (text.textContent === textOf(content)) return;
    text.textContent = textOf(content);
    images.replaceChildren(...imagesOf(content).filter(isImage).map(picture));
  };
}

function answer() {
  const body = element("div", { class: "answer markdown", dir: "auto" });
  const foot = element("p", { class: "facts" });
  const markdown = new Markdown(body);
  messages.append(element("article", { class: "message assistant", ariaLabel: "Answer" }, body, foot));
  return (/** @type {Message} */ message) => {
    const isLive = message.status === "queued" || message.status === "streaming";
    markdown.show(textOf(message.content), !isLive);
    foot.textContent = isLive ? "Being written" : facts(message);
  };
}

addEventListener("hashchange", () => location.reload());
void look();
