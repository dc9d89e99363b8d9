/**
 * What is open: a conversation, or a view of something else above it. The address says so: reloads,
 * bookmarks and other tabs find it.
 */

const OPEN = /^#\/c\/([0-9A-Za-z_-]{1,64})$/;
const VIEW = /^#\/(usage|admin|templates|experiments)(?:\/([^?/]{1,64}))?(?:\?(.*))?$/;

/**
 * @param {import("./events.js").Events} events
 * @returns {import("./types").Place}
 */
export function createPlace(events) {
  /** @type {string | null} */
  let current = null;
  /** @type {import("./types").View | null} */
  let view = null;

  function look() {
    // Any other fragment is a mark in the page or a mistake, and changes nothing.
    if (location.hash && !location.hash.startsWith("#/")) return;
    const seen = viewIn(location.hash);
    if (seen?.address !== view?.address) {
      view = seen;
      events.tell("view", view);
    }
    // Below a view, the conversation stays as it is.
    if (seen) return;
    const found = OPEN.exec(location.hash)?.[1] ?? null;
    if (found === current) return;
    current = found;
    events.tell("place", current);
  }

  /**
   * @param {string} address
   * @param {boolean} [replace]
   */
  function go(address, replace = false) {
    if (replace) history.replaceState(null, "", address);
    else if (address !== (location.hash || "#/")) history.pushState(null, "", address);
    look();
  }

  addEventListener("hashchange", look);
  return {
    get id() {
      return current;
    },
    get view() {
      return view;
    },
    address: (id) => (id ? `#/c/${id}` : "#/"),
    open: (id, { replace = false } = {}) => go(id ? `#/c/${id}` : "#/", replace),
    show: go,
    note(address) {
      history.replaceState(null, "", address);
      view = viewIn(address);
    },
    begin() {
      look();
      if (current === null) events.tell("place", null);
    },
  };
}

/** @param {string} address @returns {import("./types").View | null} */
function viewIn(address) {
  const [, name, of = null, query = ""] = VIEW.exec(address) ?? [];
  if (!name) return null;
  const found = /** @type {import("./types").ViewName} */ (name);
  return { name: found, of, query: new URLSearchParams(query), address };
}
