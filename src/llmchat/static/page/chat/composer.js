/** To come. */

/** @param {import("../types").App} _app */
export function showComposer(_app) {}
