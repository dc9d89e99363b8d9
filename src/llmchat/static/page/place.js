/** Which conversation is open. The address says so: reloads, bookmarks and other tabs find it. */

const OPEN = /^#\/c\/([0-9A-Za-z_-]{1,64})$/;

/**
 * @param {import("./events.js").Events} events
 * @returns {import("./types").Place}
 */
export function createPlace(events) {
  /** @type {string | null} */
  let current = null;

  function look() {
    // Any other fragment is a mark in the page or a mistake, and changes nothing.
    if (location.hash && !location.hash.startsWith("#/")) return;
    const found = OPEN.exec(location.hash)?.[1] ?? null;
    if (found === current) return;
    current = found;
    events.tell("place", current);
  }

  addEventListener("hashchange", look);
  return {
    get id() {
      return current;
    },
    address: (id) => (id ? `#/c/${id}` : "#/"),
    open(id, { replace = false } = {}) {
      const address = id ? `#/c/${id}` : "#/";
      if (replace) history.replaceState(null, "", address);
      else if (address !== (location.hash || "#/")) history.pushState(null, "", address);
      look();
    },
    begin() {
      look();
      if (current === null) events.tell("place", null);
    },
  };
}
