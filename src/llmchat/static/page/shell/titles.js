/** What a conversation is called: its title; or, where nobody gave it one, the first words in it. */

import { byId } from "../dom.js";

const UNTITLED = "New conversation";

/** @param {{ title: string | null, opening?: string | null }} conversation */
export const titleOf = ({ title, opening }) => title || opening || UNTITLED;

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
