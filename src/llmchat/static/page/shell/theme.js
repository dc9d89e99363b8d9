/** To come. */

/** @param {import("../types").App} _app */
export function showTheme(_app) {}
