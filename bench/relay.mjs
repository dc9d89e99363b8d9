// The same relay as relay.py on Node's own http module; nothing is kept.
import http from "node:http";

const option = (name) => Number(process.argv[process.argv.indexOf(name) + 1]);
const port = option("--port");
const upstream = option("--upstream");

const server = http.createServer((request, response) => {
  response.writeHead(200, {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
  });
  const onward = http.request(
    {
      host: "127.0.0.1",
      port: upstream,
      path: "/v1/chat/completions",
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Content-Length": request.headers["content-length"],
      },
    },
    (incoming) => incoming.pipe(response),
  );
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
});

server.listen(port, "127.0.0.1", 4096);
