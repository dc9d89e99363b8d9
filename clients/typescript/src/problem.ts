/** What went wrong: a refusal of the server's (RFC 9457), or that there was no answer at all. */

import type { components } from "./openapi.js";

export type ProblemJson = components["schemas"]["Problem"];

/** Refusals that are about this moment, and not about what was asked. */
const PASSING = new Set(["rate_limited", "unavailable", "shutting_down", "storage_unavailable", "issuer_unavailable"]);
const LEAST_PASSING_STATUS = 500;
const TOO_MANY_REQUESTS = 429; // A proxy's own says no more than that.

/** Compare its `type`, show its `title` and `detail`. `status` 0: the server did not answer. */
export class Problem extends Error implements ProblemJson {
  override readonly name = "Problem";
  /** Names the kind of problem and never changes; `""` when it was no answer of llmchat's. */
  readonly type: string;
  readonly title: string;
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly detail: string;
  readonly instance: string | null;
  /** Names the request in the server's log. */
  readonly request_id: string | null;
  /** Seconds until another attempt may work, where the server said so. */
  readonly retry_after_seconds: number | null;
  /** The generation that a conversation is busy with. */
  readonly generation_id: string | null;
  /** Each field that is wrong. */
  readonly errors: components["schemas"]["FieldError"][];

  constructor(said: Partial<ProblemJson>, options?: ErrorOptions) {
    const title = said.title ?? "Something went wrong";
    super(said.detail ? `${title}. ${said.detail}` : title, options);
    this.type = said.type ?? "";
    this.title = title;
    this.status = said.status ?? 0;
    this.detail = said.detail ?? "";
    this.instance = said.instance ?? null;
    this.request_id = said.request_id ?? null;
    this.retry_after_seconds = said.retry_after_seconds ?? null;
    this.generation_id = said.generation_id ?? null;
    this.errors = said.errors ?? [];
  }

  /**
   * Whether the same may work in a moment: nobody knows if it arrived, something between here and the server failed, or
   * the server said "not now". What became of an answer (`interrupted`, `upstream_…`) stays as it is.
   */
  get isPassing(): boolean {
    if (this.type === "" && (this.status >= LEAST_PASSING_STATUS || this.status === TOO_MANY_REQUESTS)) return true;
    return this.status === 0 || PASSING.has(this.type);
  }
}

/** The server could not be reached, or what it said cannot be read. */
export function unanswered(title: string, cause?: unknown): Problem {
  const detail = cause instanceof Error ? reasonOf(cause) : "";
  return new Problem({ title, detail }, { cause });
}

/** Node keeps the reason for "fetch failed" one level below. */
function reasonOf(error: Error): string {
  return error.cause instanceof Error && error.cause.message ? error.cause.message : error.message;
}

/** What this answer refuses. */
export async function refusal(response: Response): Promise<Problem> {
  const said = isJson(response) ? await response.json().catch(() => null) : null;
  return new Problem({
    title: response.statusText || `The server answered ${response.status}`,
    detail: `${response.url || "The server"} answered ${response.status}, and not as llmchat does: check the address.`,
    retry_after_seconds: secondsOf(response.headers.get("Retry-After")),
    request_id: response.headers.get("X-Request-ID"),
    ...(typeof said === "object" ? said : null),
    status: response.status,
  });
}

function isJson(response: Response): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers.get("Content-Type") ?? "");
}

/** `Retry-After` has seconds, or, from some proxies, a date. */
function secondsOf(header: string | null): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return seconds > 0 ? seconds : null;
}
