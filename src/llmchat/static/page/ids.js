/** Names that nobody else chooses. */

/** Unlike `crypto.randomUUID`, it works on a page that came by plain HTTP. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((word) => word.toString(36)).join("-");
}
