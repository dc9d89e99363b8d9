/** The HTTP API: JSON in, JSON out, and every refusal as a `Problem`. */

/** @typedef {import("./types").RequestOptions} RequestOptions */

const PATIENCE_SECONDS = 20;

/** What the server says when it refuses (RFC 9457). `status` 0: it did not answer at all. */
export class Problem extends Error {
  /** @param {Partial<import("./types").ProblemJson>} said */
  constructor({ status = 0, type = "", title = "Something went wrong", detail = "", errors, request_id, retry_after_seconds }) {
    super(title);
    this.name = "Problem";
    this.status = status;
    this.type = type;
    this.title = title;
    this.detail = detail;
    this.errors = errors ?? [];
    this.requestId = request_id ?? null;
    /** Seconds until another attempt may work, when the server said so. */
    this.retryAfter = retry_after_seconds ?? null;
  }

  /** Nobody knows whether the request arrived, or it may work in a moment: ask again. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/**
 * @param {import("./events.js").Events} events
 * @returns {import("./types").Api}
 */
export function createApi(events) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} [options]
   */
  async function open(method, path, { body, key, signal, headers, seconds = PATIENCE_SECONDS } = {}) {
    /** @type {Record<string, string>} */
    const sent = { ...headers };
    if (body !== undefined) sent["Content-Type"] = "application/json";
    if (key) sent["Idempotency-Key"] = key;
    const signals = [seconds ? AbortSignal.timeout(seconds * 1000) : null, signal].filter((one) => !!one);
    const request = {
      method,
      headers: sent,
      cache: /** @type {const} */ ("no-store"),
      signal: AbortSignal.any(signals),
      body: body === undefined ? undefined : JSON.stringify(body),
    };
    const response = await fetch(path, request).catch((error) => {
      if (signal?.aborted) throw error;
      throw new Problem({ title: "The server cannot be reached" });
    });
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (problem.status === 401) events.tell("signed-out", problem);
    throw problem;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} [options]
   */
  async function json(method, path, options) {
    const response = await open(method, path, options);
    const text = await response.text().catch(() => {
      throw new Problem({ title: "The server's answer broke off" });
    });
    return text ? JSON.parse(text) : null;
  }

  return {
    open,
    get: (path, options) => json("GET", path, options),
    post: (path, body, options) => json("POST", path, { ...options, body: body ?? {} }),
    patch: (path, body, options) => json("PATCH", path, { ...options, body }),
    put: (path, body, options) => json("PUT", path, { ...options, body }),
    delete: (path, options) => json("DELETE", path, options),
  };
}

/** @param {Response} response */
async function problemOf(response) {
  const said = await response.json().catch(() => ({}));
  const seconds = Number(response.headers.get("Retry-After"));
  return new Problem({
    title: response.statusText || `The server answered ${response.status}`,
    retry_after_seconds: seconds > 0 ? seconds : null,
    request_id: response.headers.get("X-Request-ID"),
    ...said,
    status: response.status,
  });
}
