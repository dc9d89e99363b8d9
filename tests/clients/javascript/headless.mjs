// node headless.mjs VERSION BASE_URL SCENARIO [ARGUMENT]: prints what came of it as one line of JSON.
const [version, baseUrl, scenario, given] = process.argv.slice(2);
const { AbstractChat, DefaultChatTransport, readUIMessageStream } = await import(
  version === "7" ? "ai" : `ai-${version}`
);
const transport = new DefaultChatTransport({ api: `${baseUrl}/api/chat` });
const argument = given === undefined ? undefined : JSON.parse(given);

// What the state of useChat is without React.
class State {
  status = "ready";
  error = undefined;
  messages = [];
  pushMessage = (message) => (this.messages = [...this.messages, message]);
  popMessage = () => (this.messages = this.messages.slice(0, -1));
  replaceMessage = (index, message) => (this.messages = this.messages.with(index, message));
  snapshot = (value) => structuredClone(value);
}

class Chat extends AbstractChat {
  constructor(options) {
    const state = new State();
    super({ transport, state, ...options });
    this.said = state;
  }
}

const ask = (chat, text, body) => chat.sendMessage({ text }, { body });
const shown = (chat) => ({
  status: chat.status,
  error: chat.error?.message ?? null,
  messages: chat.messages,
});

const scenarios = {
  async converse({ id, texts, body }) {
    const chat = new Chat({ id });
    for (const text of texts) await ask(chat, text, body);
    return shown(chat);
  },

  async edit({ id, texts, edited, body }) {
    const chat = new Chat({ id });
    for (const text of texts) await ask(chat, text, body);
    const messageId = chat.messages[0].id;
    await chat.sendMessage({ text: edited, messageId }, { body });
    return shown(chat);
  },

  async regenerate({ id, text, body }) {
    const chat = new Chat({ id });
    await ask(chat, text, body);
    const before = chat.messages;
    await chat.regenerate({ body });
    return { ...shown(chat), before };
  },

  // Tools run here: their outputs go back by themselves, and the answer goes on.
  async tools({ id, text, output, body }) {
    const asked = [];
    const chat = new Chat({
      id,
      onToolCall: ({ toolCall }) => {
        asked.push(toolCall);
        chat.addToolResult({ tool: toolCall.toolName, toolCallId: toolCall.toolCallId, output });
      },
      sendAutomaticallyWhen: ({ messages }) => {
        const parts = messages.at(-1).parts;
        const step = parts.slice(parts.findLastIndex(({ type }) => type === "step-start"));
        const calls = step.filter(({ type }) => type.startsWith("tool-"));
        return calls.length > 0 && calls.every(({ state }) => state === "output-available");
      },
    });
    await ask(chat, text, body);
    while (chat.status !== "ready" && chat.status !== "error")
      await new Promise((soon) => setTimeout(soon, 10));
    return { ...shown(chat), asked };
  },

  // The message while it is being written, from a transport alone.
  async read({ id, text, body }) {
    const message = { id: "q1", role: "user", parts: [{ type: "text", text }] };
    const request = { chatId: id, messages: [message], trigger: "submit-message", body };
    const stream = await transport.sendMessages(request);
    let last;
    for await (const message of readUIMessageStream({ stream })) last = message;
    return last;
  },

  async resume({ id }) {
    const chat = new Chat({ id });
    await chat.resumeStream();
    return shown(chat);
  },

  // Frames that the encoder has written: each is one that the client takes, and what they say.
  async understand(streams) {
    const read = {};
    for (const [name, frames] of Object.entries(streams)) {
      const stream = transport.processResponseStream(new Blob([frames]).stream());
      const errors = [];
      let last;
      const messages = readUIMessageStream({ stream, onError: (error) => errors.push(error.message) });
      for await (const message of messages) last = message;
      read[name] = { message: last, errors };
    }
    return read;
  },
};

console.log(JSON.stringify(await scenarios[scenario](argument)));
