/** To come. */

/** @param {import("../types").App} _app */
export function showDialogs(_app) {}
