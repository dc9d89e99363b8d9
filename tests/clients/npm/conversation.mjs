// Somebody else's program in the middle of a conversation: stops what is being written, and tells what there is to read.
import { LlmChat } from "llmchat-client";

const [baseUrl, apiKey, id] = process.argv.slice(2);
const llm = new LlmChat({ baseUrl, apiKey });
const { active_generations: live } = await llm.conversation(id);
const stopped = await Promise.all(live.map((generation) => llm.stop(generation.id)));
const messages = await llm.messages(id);
console.log(
  JSON.stringify({
    stopped: stopped.map(({ status }) => status),
    texts: messages.map(({ role, content, status }) => [role, content, status]),
  }),
);
