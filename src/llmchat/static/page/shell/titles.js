/** What a conversation is called: its title; or, where nobody gave it one, the first words in it. */

import { byId } from "../dom.js";

const UNTITLED = "New conversation";
const MOST_CHARS = 80;

/** The metadata of a conversation that begins with this text. @param {string} text */
export function openedWith(text) {
  const words = text.trim().replace(/\s+/g, " ");
  return words ? { opening: words.length > MOST_CHARS ? `${[...words].slice(0, MOST_CHARS).join("")}…` : words } : {};
}

/** @param {{ title: string | null, metadata?: Record<string, unknown> }} conversation */
export function titleOf({ title, metadata }) {
  const opening = metadata?.opening;
  return title || (typeof opening === "string" && opening) || UNTITLED;
}

/** In the name of the tab, and for who goes from heading to heading. @param {import("../types").App} app */
export function showTitle({ events, place, conversation }) {
  const show = () => {
    if (place.view) return;
    const now = conversation.current?.id === place.id ? conversation.current : null;
    document.title = now ? `${titleOf(now)} · llmchat` : "llmchat";
    const heading = byId("heading", HTMLElement);
    heading.hidden = !now;
    heading.textContent = now ? titleOf(now) : "";
  };
  events.on("place", show);
  events.on("conversation", show);
  events.on("view", show);
}
