/** A server that says what it is told, over a real socket. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export type Turn = (request: IncomingMessage, response: ServerResponse, body: string) => void;

export interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** Each request gets the next turn, and the last turn again and again. It ends with the test. */
export async function served(test: TestContext, ...turns: Turn[]): Promise<{ baseUrl: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const turn = turns[Math.min(asked.length, turns.length - 1)];
    asked.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
    turn?.(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Turn {
  return (_, response) => response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}

export function problem(status: number, type: string, headers: Record<string, string> = {}): Turn {
  const body = { type, title: "A title", status, detail: "A detail.", request_id: "req_1" };
  return json(body, status, { "Content-Type": "application/problem+json", ...headers });
}

/** Sends these texts, then ends the stream, breaks it off, or says no more. */
export function stream(texts: string[], end: "end" | "cut" | "silence" = "end"): Turn {
  return (_, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
    for (const text of texts) response.write(text);
    if (end === "end") response.end();
    if (end === "cut") setTimeout(() => response.destroy(), 20);
    if (end === "silence") response.flushHeaders();
  };
}

/** A frame as the server makes it. */
export function frame(event: string, data: { offset?: [number, number] }): string {
  const id = data.offset ? `id: ${data.offset[1]}\n` : "";
  return `${id}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export const STARTED = frame("started", { offset: [1, 1], ...{ generation_id: "gen_1", message_id: "msg_1", model: "m", attempt: 1 } });

export function delta(first: number, last: number, text: string, channel = "answer"): string {
  return frame("delta", { offset: [first, last], ...{ channel, text } });
}

export function finished(at: number): string {
  return frame("finished", { offset: [at, at], ...{ status: "complete", finish_reason: "stop", usage: null } });
}
