/** To come. */

/** @param {import("../types").App} _app */
export function showSignIn(_app) {}
