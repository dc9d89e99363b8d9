// Follows an answer, and prints what came as it comes, a line of JSON each: events, and lost connections.
import { LlmChat } from "llmchat-client";

const [baseUrl, id] = process.argv.slice(2);
const print = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const onLost = ({ title, status }) => print({ lost: { title, status } });
const stream = new LlmChat({ baseUrl }).stream(id, { onLost });
for await (const event of stream) print({ event });
print({ answer: stream.answer });
