/** What is known of the open conversation, and how each event changes it. Pure: no clock, no network,
    no DOM; so it can be tested with any order of events. */

import { logged } from "./live.js";

/** @typedef {import("../types").Message} Message */
/** @typedef {import("../types").Conversation} Conversation */
/** @typedef {import("./live.js").Live} Live */

/**
 * @typedef {object} State
 * @property {Conversation | null} conversation
 * @property {ReadonlyMap<string, Message>} messages All that are known, of any branch.
 * @property {readonly string[]} branch The ids of those that are shown, the oldest first.
 * @property {boolean} loaded Whether the branch is the server's, and not only what was announced.
 * @property {ReadonlyMap<string, Live>} live By the generation's id.
 * @property {ReadonlyMap<string, number>} ended Generations whose end was seen, and its offset.
 * @property {readonly Message[]} announced Since the last snapshot: a page may be older than they are.
 * @property {boolean} torn Something is missing: only a new snapshot can tell what.
 */

/**
 * @typedef {{event: string, data: any}} ServerEvent As the conversation's stream has it.
 * @typedef {{event: "page", data: {items: Message[]}}} Page The end of the branch, the oldest first.
 * @typedef {{event: "older", data: {items: Message[]}}} Older What comes before the branch.
 * @typedef {{event: "stored", data: Message}} Stored A message as it is stored now.
 */

/** As the server cuts it. */
const MOST_OPENING_CHARS = 80;

/** @type {State} */
export const EMPTY = {
  conversation: null,
  messages: new Map(),
  branch: [],
  loaded: false,
  live: new Map(),
  ended: new Map(),
  announced: [],
  torn: false,
};

/**
 * @param {State} state
 * @param {ServerEvent | Page | Older | Stored} event
 * @returns {State}
 */
export function reduce(state, { event, data }) {
  switch (event) {
    case "snapshot":
      return snapshot(state, data);
    case "conversation":
      return data.deleted ? state : { ...state, conversation: data };
    case "message":
      return announce(state, data);
    case "page":
      return page(state, data.items);
    case "older":
      return older(state, data.items);
    case "stored":
      return state.messages.has(data.id) ? { ...state, messages: keep(state.messages, [data]) } : state;
    case "started":
    case "delta":
    case "tool_call":
    case "reset":
    case "finished":
    case "failed":
      return logged(state, event, data);
    default:
      return state; // One that a newer server knows.
  }
}

/** @param {Pick<Message, "status">} message */
export const isLive = ({ status }) => status === "queued" || status === "streaming";

/**
 * The generations that are being written or wait, the oldest first.
 *
 * @param {State} state
 * @returns {string[]}
 */
export function generating(state) {
  const shown = state.branch.map((id) => state.messages.get(id)).filter((one) => one && isLive(one));
  return [...new Set([...state.live.keys(), ...shown.flatMap((one) => one?.generation_id ?? [])])];
}

/**
 * The answer that is being written into this message, if there is one.
 *
 * @param {State} state
 * @param {Message} message
 */
export function liveOf(state, message) {
  return message.generation_id ? state.live.get(message.generation_id) : undefined;
}

/**
 * A snapshot replaces all that is known of the live answers.
 *
 * @param {State} state
 * @param {{conversation: Conversation, generations: Live[]}} data
 * @returns {State}
 */
function snapshot(state, { conversation, generations }) {
  const live = new Map(generations.map((one) => [one.id, { ...one, tool_calls: [...(one.tool_calls ?? [])] }]));
  return { ...state, conversation, live, ended: new Map(), announced: [], torn: false };
}

/**
 * @param {State["messages"]} messages
 * @param {Message[]} found
 */
function keep(messages, found) {
  const all = new Map(messages);
  for (const message of found) {
    const known = all.get(message.id);
    // A page may have been read before the end that we saw.
    if (known && isLive(message) && !isLive(known)) continue;
    all.set(message.id, message);
  }
  // All versions of a message know of each other.
  for (const { siblings } of found) {
    for (const id of siblings) {
      const other = all.get(id);
      if (other && other.siblings.length < siblings.length) all.set(id, { ...other, siblings });
    }
  }
  return all;
}

/**
 * A new message: the branch that it is on becomes the one that is shown.
 *
 * @param {State} state
 * @param {Message} message
 * @returns {State}
 */
function announce(state, message) {
  const messages = keep(state.messages, [message]);
  const branch = extended(state.branch, message);
  return {
    ...state,
    conversation: opened(state.conversation, message),
    messages,
    branch: branch ?? state.branch,
    // It hangs on something that we have never seen.
    torn: state.torn || (branch === null && state.loaded),
    announced: [...state.announced, message],
  };
}

/**
 * The first words in an untitled conversation are what it is called.
 *
 * @param {Conversation | null} conversation
 * @param {Message} message
 */
function opened(conversation, { role, content }) {
  if (!conversation || conversation.title || conversation.opening || role !== "user") return conversation;
  const text = typeof content === "string" ? content : content.map((part) => (part.type === "text" ? part.text : "")).join("");
  const words = [...text.trim().replace(/\s+/g, " ")];
  const opening = words.length > MOST_OPENING_CHARS ? `${words.slice(0, MOST_OPENING_CHARS - 1).join("")}…` : words.join("");
  return opening ? { ...conversation, opening } : conversation;
}

/**
 * The branch with this message at its end; null when it cannot be.
 *
 * @param {readonly string[]} branch
 * @param {Message} message
 */
function extended(branch, message) {
  if (branch.includes(message.id)) return branch;
  if (message.parent_id === null) return [message.id];
  const place = branch.indexOf(message.parent_id);
  return place < 0 ? null : [...branch.slice(0, place + 1), message.id];
}

/**
 * The end of the branch as the server has it; older messages that we have stay in front of it.
 *
 * @param {State} state
 * @param {Message[]} items
 * @returns {State}
 */
function page(state, items) {
  const ids = items.map(({ id }) => id);
  const before = items.length && items[0].parent_id;
  const place = before ? state.branch.indexOf(before) : -1;
  /** @type {readonly string[]} */
  let branch = [...state.branch.slice(0, place + 1), ...ids];
  const known = new Set(items.flatMap(({ siblings }) => siblings));
  for (const message of state.announced) {
    // One that the page knows of and does not show is of another branch by now.
    if (!known.has(message.id)) branch = extended(branch, message) ?? branch;
  }
  return { ...state, branch, loaded: true, messages: keep(state.messages, items) };
}

/**
 * @param {State} state
 * @param {Message[]} items
 * @returns {State}
 */
function older(state, items) {
  const first = state.messages.get(state.branch[0]);
  if (!items.length || first?.parent_id !== items.at(-1)?.id) return state; // Asked for another branch.
  return { ...state, branch: [...items.map(({ id }) => id), ...state.branch], messages: keep(state.messages, items) };
}
