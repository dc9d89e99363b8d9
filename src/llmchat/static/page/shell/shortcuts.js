/** To come. */

/** @param {import("../types").App} _app */
export function listenForShortcuts(_app) {}
