/** HTTP: a call and its answer, made again where that is safe. */

import { Pause, pauseSeconds } from "./pauses.js";
import { pathTo, type Answered, type Given, type Method, type Operation, type Path } from "./paths.js";
import { Problem, refusal, unanswered } from "./problem.js";
import { Watchdog } from "./watchdog.js";

export interface Options {
  /** Where the server is: `http://127.0.0.1:8000`, with the path of a proxy if need be. Default: the page's own origin. */
  baseUrl?: string;
  /** An API key of the server's, or what gives the newest one; not needed on its own page, which has a cookie. */
  apiKey?: string | (() => string | Promise<string>) | undefined;
  /** More headers for every request. */
  headers?: Readonly<Record<string, string>>;
  /** How long a call may take. Default: 20 seconds, and 31 minutes for those that wait for a whole answer. */
  timeoutSeconds?: number;
  /** How often a call is tried where it is safe to try again. Default: 4. */
  attempts?: number;
  /** In place of the platform's own. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  timeoutSeconds?: number | undefined;
}

/** How a call is made, beside what it says. */
export interface Manner extends CallOptions {
  /** The same key gives the same answer: so it can be asked again. */
  key?: string | undefined;
  /** A POST that changes nothing the second time. */
  isIdempotent?: boolean;
}

interface Sent {
  headers?: Readonly<Record<string, string>>;
  body?: string | undefined;
  signal: AbortSignal;
}

const ATTEMPTS = 4;
const PATIENCE_SECONDS = 20;
const SLOWEST_CHARS_PER_SECOND = 50_000;
/** Who is told to come back later than this is told the problem instead. */
const LONGEST_WAIT_SECONDS = 30;
/** Refused at the door: nothing of it was done. */
const NOT_TAKEN = new Set(["rate_limited", "shutting_down"]);

export class Calls {
  readonly #options: Options;
  readonly #base: string;

  constructor(options: Options) {
    this.#options = options;
    this.#base = checked(options.baseUrl ?? "").replace(/\/+$/, "");
  }

  /** The JSON that it answers. Rejects with a `Problem`, or with the reason of the caller's signal. */
  async call<P extends Path, M extends Method>(
    method: M,
    path: P,
    given: Given<Operation<P, M>>,
    manner: Manner = {},
  ): Promise<Answered<Operation<P, M>>> {
    const target = pathTo(path, given.path, given.query);
    const body = given.body === undefined ? undefined : JSON.stringify(given.body);
    const isRepeatable = method !== "post" || manner.isIdempotent === true || manner.key !== undefined;
    for (let failures = 0; ; failures += 1) {
      try {
        return (await this.#answer(method, target, body, manner)) as Answered<Operation<P, M>>;
      } catch (error) {
        const seconds = this.#secondsToNext(error, isRepeatable, failures);
        if (seconds === null) throw error;
        await new Pause(seconds, manner.signal).over;
      }
    }
  }

  /** One request, and its answer's head. Rejects with a `Problem` when that is no success, or when the signal ends it. */
  async open(method: string, target: string, { headers, body, signal }: Sent): Promise<Response> {
    const request: RequestInit = { method: method.toUpperCase(), headers: await this.#headers(headers), signal };
    if (body !== undefined) request.body = body;
    const ask = this.#options.fetch ?? fetch;
    const response = await ask(this.#base + target, { ...request, cache: "no-store" }).catch((error: unknown) => {
      throw unanswered(`${this.#base || "The server"} cannot be reached`, error);
    });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async #headers(more: Sent["headers"]): Promise<Headers> {
    const { apiKey, headers } = this.#options;
    const key = typeof apiKey === "function" ? await apiKey() : apiKey;
    try {
      return new Headers({ ...headers, ...(key ? { Authorization: `Bearer ${key}` } : null), ...more });
    } catch (error) {
      // Left to `fetch`, it looks like a network that fails, and is tried again and again.
      throw new TypeError("A header cannot be sent: is the key whole, and nothing but the key?", { cause: error });
    }
  }

  async #answer(method: string, target: string, body: string | undefined, manner: Manner): Promise<unknown> {
    const watchdog = new Watchdog(manner.signal);
    const patience = manner.timeoutSeconds ?? this.#options.timeoutSeconds ?? PATIENCE_SECONDS;
    watchdog.expect(patience + (body?.length ?? 0) / SLOWEST_CHARS_PER_SECOND);
    try {
      const headers = {
        Accept: "application/json",
        ...(body === undefined ? null : { "Content-Type": "application/json" }),
        ...(manner.key === undefined ? null : { "Idempotency-Key": manner.key }),
      };
      return await json(await this.open(method, target, { headers, body, signal: watchdog.signal }));
    } catch (error) {
      manner.signal?.throwIfAborted();
      throw watchdog.isSilent ? unanswered("The server did not answer in time", error) : error;
    } finally {
      watchdog.close();
    }
  }

  #secondsToNext(error: unknown, isRepeatable: boolean, failures: number): number | null {
    if (!(error instanceof Problem) || failures + 1 >= (this.#options.attempts ?? ATTEMPTS)) return null;
    if (!(isRepeatable ? error.isPassing : NOT_TAKEN.has(error.type))) return null;
    const seconds = pauseSeconds(failures, error);
    return seconds > LONGEST_WAIT_SECONDS ? null : seconds;
  }
}

/** Left to `fetch`, an address that is none looks like a network that fails, and is tried again and again. */
function checked(baseUrl: string): string {
  const page: unknown = "location" in globalThis ? globalThis.location?.href : undefined;
  const isRelative = !/^[a-z][a-z\d+.-]*:/i.test(baseUrl);
  const isAddress = isRelative ? page !== undefined : /^https?:\/\/[^\s/?#]\S*$/i.test(baseUrl);
  if (isAddress) return baseUrl;
  const wrong = baseUrl === "" ? "Where is the server?" : `${JSON.stringify(baseUrl)} is no address of a server.`;
  throw new TypeError(`${wrong} For example: new LlmChat({ baseUrl: "http://127.0.0.1:8000" })`);
}

async function json(response: Response): Promise<unknown> {
  const text = await response.text().catch((error: unknown) => {
    throw unanswered("The server's answer broke off", error);
  });
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unanswered("The answer is not one of llmchat's", error);
  }
}
