/** To come. */

/** @param {import("../types").App} _app */
export function showSidebar(_app) {}
