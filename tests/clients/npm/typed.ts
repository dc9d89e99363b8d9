// What a program in TypeScript may write, and what its compiler finds.
import { LlmChat, Problem, type Answer, type Options, type Schemas, type StreamEvent } from "llmchat-client";

const options: Options = { baseUrl: "http://127.0.0.1:8000", apiKey: async () => "sk-llmchat-…", fetch };
const llm = new LlmChat(options);

export async function asked(conversation: string, kept: Answer | undefined): Promise<string> {
  const accepted: Schemas["Accepted"] = await llm.send(conversation, [{ type: "text", text: "hello" }], {
    on_busy: "queue",
    params: { temperature: 0.5 },
    signal: AbortSignal.timeout(1000),
  });
  const stream = llm.stream(accepted, { from: kept });
  for await (const event of stream) shown(event);
  const stopped: "queued" | "streaming" | "complete" | "stopped" | "failed" | "interrupted" = (
    await llm.stop(accepted.generation?.id ?? "")
  ).status;
  return stopped + stream.answer.text;
}

function shown(event: StreamEvent): string | null {
  switch (event.type) {
    case "delta":
      return event.channel === "answer" ? event.text : null;
    case "failed":
      return new Problem(event.problem).detail;
    case "finished":
      return event.usage === null ? event.finish_reason : `${event.usage.output_tokens} tokens`;
    default:
      return null;
  }
}

export async function watched(conversation: string): Promise<string | null> {
  for await (const event of llm.watch(conversation, { signal: AbortSignal.timeout(1000), attempts: Infinity })) {
    if (event.type === "message") return event.message.role;
    if (event.type === "delta") return event.generation_id + event.text;
    if (event.type === "snapshot") return event.generations[0]?.text ?? event.conversation.title;
  }
  return null;
}

// @ts-expect-error There is no such choice.
void llm.send("conv_1", "hello", { on_busy: "wait" });
// @ts-expect-error A misspelt field.
void llm.sessionChat("fox", "hello", { system: "Be brief." });
// @ts-expect-error The generation may be missing.
void llm.send("conv_1", "hello").then(({ generation }) => generation.id);
