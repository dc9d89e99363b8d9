// Joins a room, sends a message, and prints what it was told of the answer. Cuts the connection
// once in mid-answer, and goes on where it was.
import WebSocket from "ws";

const [url, conversation] = process.argv.slice(2);
const seen = { protocol: null, text: "", last: 0, gaps: 0, cuts: 0, status: null };
let generation = null;

function open() {
  const socket = new WebSocket(url, ["llmchat.v1"]);
  const say = (frame) => socket.send(JSON.stringify(frame));
  socket.on("open", () => {
    seen.protocol = socket.protocol;
    if (generation) say({ type: "resume", generation_id: generation, after: seen.last });
    else say({ type: "join_room", conversation_id: conversation });
  });
  socket.on("message", (data) => {
    const frame = JSON.parse(data);
    if (frame.type === "joined") {
      say({ type: "send_message", conversation_id: conversation, content: "go", ref: "1" });
    }
    if (!frame.offset) return;
    generation = frame.generation_id;
    if (frame.offset[0] !== seen.last + 1) seen.gaps += 1;
    seen.last = frame.offset[1];
    if (frame.type === "delta") seen.text += frame.text;
    if (frame.type === "finished") {
      seen.status = frame.status;
      socket.close();
    } else if (!seen.cuts && seen.text.length > 100) {
      seen.cuts += 1;
      socket.removeAllListeners("message");
      socket.terminate();
      open();
    }
  });
  socket.on("close", () => {
    if (seen.status) console.log(JSON.stringify(seen));
  });
}

open();
