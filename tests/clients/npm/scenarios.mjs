// One thing that a program does with the client; prints what came of it.
import { LlmChat, Problem } from "llmchat-client";

const [name, baseUrl, apiKey, given] = process.argv.slice(2);
const llm = new LlmChat({ baseUrl, apiKey, attempts: 1 });
const slow = { extra: { tokens: 2000, tokens_per_second: 50 } };

const refusals = async (...calls) => {
  const told = (error) => {
    if (!(error instanceof Problem)) throw error;
    const { status, type, title, detail, request_id, retry_after_seconds } = error;
    return { status, type, title, detail, request_id, retry_after_seconds };
  };
  return Promise.all(calls.map((call) => call().then(() => null, told)));
};

const scenarios = {
  async everything() {
    const session = "a fox / with a name? of its own";
    const { message } = await llm.chat([{ role: "user", content: "hello" }], { model: "demo/echo" });
    const first = await llm.sessionChat(session, "one", { model: "demo/echo", system_prompt: "Be brief." });
    await llm.sessionChat(session, "two");
    const history = await llm.history(session);
    const [{ id }] = (await llm.conversations({ limit: 1 })).items;
    const again = await llm.stream(await llm.regenerate(history.at(-1).id)).end();
    const messages = await llm.messages(id);
    const shown = await llm.conversation(id);
    await llm.clear(session);
    return {
      chat: message.content,
      session: first.response,
      history: history.map(({ content }) => content),
      again: [again.text, messages.at(-1).siblings.length, shown.system_prompt],
      cleared: await llm.history(session),
      health: (await llm.health()).status,
      models: (await llm.models()).items.map((model) => model.id),
      modelHealth: (await llm.modelHealth()).success,
    };
  },

  async leaving() {
    const { id } = await llm.createConversation({ model: "demo/story", params: slow });
    const { generation } = await llm.send(id, "a story");
    const leaving = new AbortController();
    const stream = llm.stream(generation.id, { signal: leaving.signal });
    const left = await (async () => {
      for await (const event of stream) if (event.type === "delta") leaving.abort();
    })().catch((error) => error.name);
    const live = await llm.generation(generation.id);
    const stopped = await llm.stop(generation.id);
    const answer = await llm.stream(generation.id, { from: stream.answer }).end();
    const stored = (await llm.messages(id)).at(-1);
    const more = await llm.stream(await llm.continue(stored.id, { params: { extra: { tokens: 20 } } })).end();
    return {
      left,
      live: live.status,
      stopped: [stopped.status, stopped.last_event_id === answer.last_event_id],
      answer: [answer.status, answer.text === stored.content, answer.text.startsWith(stream.answer.text)],
      more: [more.status, more.text.startsWith(stored.content)],
    };
  },

  async refused() {
    const wrong = new LlmChat({ baseUrl, apiKey: "sk-llmchat-wrong" });
    return refusals(
      () => wrong.models(),
      () => wrong.stream("gen_nobody").end(),
      () => llm.stream("gen_nobody").end(),
      () => llm.chat("hello", { model: "nobody/knows" }),
    );
  },

  async limited() {
    const { id } = await llm.createConversation({ model: "demo/echo" });
    const send = () => llm.send(id, "hello", { on_busy: "queue" });
    return (await refusals(...Array(8).fill(send))).filter(Boolean);
  },

  async stopping() {
    return llm.stop(given);
  },

  async lost() {
    const patient = new LlmChat({ baseUrl, timeoutSeconds: 1, attempts: 20 });
    const { id } = await patient.createConversation({ model: "demo/echo" });
    process.stdout.write(`${JSON.stringify({ id })}\n`);
    await new Promise((resolve) => process.stdin.once("data", resolve));
    const answer = await patient.stream(await patient.send(id, "only once")).end();
    process.stdin.destroy();
    return { text: answer.text };
  },
};

console.log(JSON.stringify(await scenarios[name]()));
