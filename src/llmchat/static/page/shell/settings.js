/** To come. */

/** @param {import("../types").App} _app */
export function showSettings(_app) {}
