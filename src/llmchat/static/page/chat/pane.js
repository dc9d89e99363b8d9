/** To come. */

/** @param {import("../types").App} _app */
export function showConversation(_app) {}
