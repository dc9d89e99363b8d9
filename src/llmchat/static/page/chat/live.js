/** Answers that are being written: what each event of a generation's log does to them. Pure, too. */

/** @typedef {import("../types").ToolCall} ToolCall */
/** @typedef {import("./state.js").State} State */

/**
 * An answer that is being written, up to the log's `offset`.
 *
 * @typedef {object} Live
 * @property {string} id
 * @property {string} message_id
 * @property {string | null} model
 * @property {string} text
 * @property {string} reasoning
 * @property {ToolCall[]} tool_calls
 * @property {number} offset
 */

/**
 * An event of a generation's log. Its offset says whether it follows what we have: what we had already
 * is nothing new, and behind a gap nothing can be trusted.
 *
 * @param {State} state
 * @param {string} event
 * @param {any} data
 * @returns {State}
 */
export function logged(state, event, data) {
  const id = data.generation_id;
  const [first, last] = data.offset;
  const known = state.live.get(id);
  const had = known?.offset ?? state.ended.get(id) ?? 0;
  if (last <= had) return state;
  if (first !== had + 1 || (!known && event !== "started")) return { ...state, torn: true };
  const live = new Map(state.live);
  if (event === "finished" || event === "failed") {
    live.delete(id);
    const ended = new Map(state.ended).set(id, last);
    return { ...state, live, ended, messages: settle(state.messages, known, data) };
  }
  live.set(id, { ...grow(known ?? begin(data), event, data), offset: last });
  return { ...state, live };
}

/**
 * @param {any} data
 * @returns {Live}
 */
function begin({ generation_id, message_id, model }) {
  return { id: generation_id, message_id, model, text: "", reasoning: "", tool_calls: [], offset: 0 };
}

/**
 * @param {Live} live
 * @param {string} event
 * @param {any} data
 * @returns {Live}
 */
function grow(live, event, data) {
  switch (event) {
    case "delta":
      return data.channel === "reasoning"
        ? { ...live, reasoning: live.reasoning + data.text }
        : { ...live, text: live.text + data.text };
    case "tool_call":
      return { ...live, tool_calls: joined(live.tool_calls, data) };
    case "reset": // Another attempt took over: what we have is void.
      return { ...live, text: data.text, reasoning: "", tool_calls: [] };
    default:
      return live;
  }
}

/**
 * The first piece of a call has its id and its name, the arguments follow.
 *
 * @param {ToolCall[]} calls
 * @param {{index: number, id: string | null, name: string | null, arguments: string}} piece
 */
function joined(calls, piece) {
  const all = [...calls];
  const begun = all[piece.index] ?? { id: null, name: null, arguments: "" };
  all[piece.index] = {
    id: begun.id ?? piece.id,
    name: begun.name ?? piece.name,
    arguments: begun.arguments + piece.arguments,
  };
  return all;
}

/**
 * @param {State["messages"]} messages
 * @param {Live | undefined} live
 * @param {any} end
 */
function settle(messages, live, { status, usage, problem, finish_reason, model }) {
  const message = live && messages.get(live.message_id);
  if (!message) return messages;
  const changed = {
    ...message,
    status,
    content: live.text,
    reasoning: live.reasoning,
    usage: usage ?? null,
    error: problem ?? null,
    model: model ?? message.model,
    finish_reason: finish_reason ?? null,
    tool_calls: live.tool_calls.filter(Boolean).map((call) => ({
      id: call.id ?? "",
      type: /** @type {const} */ ("function"),
      function: { name: call.name ?? "", arguments: call.arguments },
    })),
  };
  return new Map(messages).set(message.id, changed);
}
