/** A client of llmchat: answers that survive reloads, lost networks and crashes. */

import type { components } from "./openapi.js";

export type { Answer, ToolCall } from "./answer.js";
export type { CallOptions, Options } from "./calls.js";
export {
  LlmChat,
  type ChatOptions,
  type ContinueOptions,
  type PageOptions,
  type RegenerateOptions,
  type SendOptions,
  type SessionOptions,
} from "./client.js";
export type { Delta, Failed, Finished, Reset, Started, StreamEvent, ToolCallPiece } from "./events.js";
export { Problem, type ProblemJson } from "./problem.js";
export type { ReadingOptions } from "./reading.js";
export type { AnswerStream, StreamOptions } from "./stream.js";
export type {
  AnswerEvent,
  Conversation,
  ConversationChanged,
  ConversationDeleted,
  ConversationEvent,
  ConversationWatch,
  LiveGeneration,
  MessageAdded,
  Snapshot,
  Typing,
} from "./watch.js";

/** Every shape of the API by its name there: `Schemas["Message"]`. */
export type Schemas = components["schemas"];
