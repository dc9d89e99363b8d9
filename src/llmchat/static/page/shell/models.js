/** To come. */

/** @param {import("../types").App} _app */
export function showModels(_app) {}
