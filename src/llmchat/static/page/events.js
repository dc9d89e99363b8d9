/** What the parts of the page tell each other. */

/**
 * Names and what comes with them:
 *
 * - `place`: another conversation was opened, or none (`null`)
 * - `view`: a view was opened above the conversation, or closed (`null`)
 * - `conversation`: its settings, its title or its active branch changed, here or elsewhere
 * - `made`: a conversation was made with what was chosen for a new one; the next one begins anew
 * - `template`: a new conversation is to begin with another template, or with none (`null`)
 * - `deleted`: a conversation is gone, here or elsewhere
 * - `members`: somebody became a member of a conversation, or is none any more
 * - `generating`: answers began, or ended, in a conversation
 * - `signed-out`: the server does not know us (any more); `signed-in`: it does (again)
 * - `me`: who is signed in
 * - `connection`: how the open conversation's stream is
 * - `sent`: somebody sent a message here
 *
 * @typedef {import("./types").EventMap} EventMap
 */
export class Events extends EventTarget {
  /**
   * @template {keyof EventMap} Name
   * @param {Name} name
   * @param {EventMap[Name]} detail
   */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /**
   * Returns what ends the listening.
   *
   * @template {keyof EventMap} Name
   * @param {Name} name
   * @param {(detail: EventMap[Name]) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const heard = (/** @type {Event} */ event) =>
      listener(/** @type {CustomEvent<EventMap[Name]>} */ (event).detail);
    this.addEventListener(name, heard);
    return () => this.removeEventListener(name, heard);
  }
}
