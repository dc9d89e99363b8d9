// node openai.mjs BASE_URL SCENARIO KEY MODEL: prints what came of it as one line of JSON.
import OpenAI from "openai";

const [baseURL, scenario, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "the quick brown fox" }];
const weather = { name: "weather", parameters: { type: "object", properties: {} } };

const scenarios = {
  async chat() {
    const answer = await client.chat.completions.create({ model, messages });
    const models = (await client.models.list()).data.map(({ id }) => id);
    return { text: answer.choices[0].message.content, usage: answer.usage, models };
  },

  async stream() {
    const stream = client.chat.completions.stream({
      model,
      messages,
      stream_options: { include_usage: true },
    });
    const pieces = [];
    stream.on("content", (piece) => pieces.push(piece));
    const whole = await stream.finalChatCompletion();
    return { pieces, text: whole.choices[0].message.content, usage: whole.usage };
  },

  async tools() {
    const tools = [{ type: "function", function: weather }];
    const stream = client.chat.completions.stream({ model, messages, tools });
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
    return { calls: message.tool_calls, finish_reason };
  },

  async error() {
    try {
      const stream = await client.chat.completions.create({ model, messages, stream: true });
      for await (const _ of stream);
    } catch (error) {
      return { name: error.constructor.name, status: error.status ?? null, message: error.message };
    }
  },

  // Begun in the background, left after some events, read on behind the last of them.
  async responses() {
    const input = "the quick brown fox";
    const asked = { model, input, background: true, stream: true };
    let id, last, before = "", behind = "";
    for await (const event of await client.responses.create(asked)) {
      id ??= event.response?.id;
      last = event.sequence_number;
      if (event.type === "response.output_text.delta") before += event.delta;
      if (before.includes("t3 ")) break;
    }
    const rest = await client.responses.retrieve(id, { stream: true, starting_after: last });
    const numbers = [];
    for await (const event of rest) {
      numbers.push(event.sequence_number);
      if (event.type === "response.output_text.delta") behind += event.delta;
    }
    const whole = await client.responses.retrieve(id);
    return { text: before + behind, whole: whole.output_text, status: whole.status, last, numbers };
  },

  async abort() {
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream)
      if (chunk.choices[0]?.delta.content?.includes("t3")) break;
    return { aborted: stream.controller.signal.aborted };
  },
};

console.log(JSON.stringify((await scenarios[scenario]()) ?? null));
