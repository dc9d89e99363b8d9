/** What is being written, kept for a reload: a text for each conversation, in this browser alone. */

const PREFIX = "llmchat.draft.";
const MOST_CHARS = 100_000;
const KEPT_DAYS = 30;

/** @param {string | null} id */
const nameOf = (id) => PREFIX + (id ?? "new");

/** Storage can be full, or forbidden: then nothing is kept, and all else works. @param {() => void} work */
export function quietly(work) {
  try {
    work();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

/** @param {string | null} id @returns {string} */
export function draftOf(id) {
  return read(nameOf(id))?.text ?? "";
}

/**
 * @param {string | null} id
 * @param {string} text
 */
export function keepDraft(id, text) {
  quietly(() => {
    if (!text.trim()) return localStorage.removeItem(nameOf(id));
    localStorage.setItem(nameOf(id), JSON.stringify({ text: text.slice(0, MOST_CHARS), at: Date.now() }));
  });
}

/** Of conversations that nobody came back to. */
export function dropOldDrafts() {
  quietly(() => {
    for (const name of Object.keys(localStorage)) {
      const kept = name.startsWith(PREFIX) && read(name);
      if (kept && Date.now() - kept.at > KEPT_DAYS * 86_400_000) localStorage.removeItem(name);
    }
  });
}

/** Somebody else may sit here next. */
export function forgetDrafts() {
  quietly(() => {
    for (const name of Object.keys(localStorage)) if (/^llmchat\.(?:draft|outbox)\./.test(name)) localStorage.removeItem(name);
  });
}

/** @param {string} name @returns {{text: string, at: number} | null} */
function read(name) {
  try {
    const kept = JSON.parse(localStorage.getItem(name) ?? "null");
    return typeof kept?.text === "string" && typeof kept.at === "number" ? kept : null;
  } catch {
    return null;
  }
}
