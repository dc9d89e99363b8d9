/** What Enter means. */

/**
 * Whether this Enter breaks the line, or chooses a word: while an input method composes, it does;
 * Safari tells so by the key code only.
 *
 * @param {KeyboardEvent} event
 */
export function breaksLine(event) {
  return event.shiftKey || event.isComposing || event.keyCode === 229;
}
