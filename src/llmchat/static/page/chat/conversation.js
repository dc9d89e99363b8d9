/** To come. */

/**
 * @param {Pick<import("../types").App, "api" | "events" | "place">} _parts
 * @returns {import("../types").OpenConversation}
 */
export function createConversation(_parts) {
  return { current: null, isGenerating: false, stop: async () => {}, reload() {} };
}
