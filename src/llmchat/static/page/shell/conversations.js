/**
 * The list of conversations as far as it is known here: pages as they were asked for, kept right while
 * things change, here, in another tab, on another machine. Knows no elements.
 */

/**
 * @typedef {import("../types").Conversation & {
 *   match?: { message_id: string, snippet_parts: { text: string, hit: boolean }[] } | null,
 * }} Item
 * @typedef {{ query: string, archived: boolean }} Filter
 */

const PAGE = 40;
const MOST_PINNED = 100;

export class Conversations extends EventTarget {
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** @type {string | null} What the next page begins with; null: there is none. */
  #cursor = null;
  #pages = 0;
  #round = 0;
  #busy = false;
  /** @type {Filter} */
  filter = { query: "", archived: false };
  /** @type {Error | null} Why the list is not what it should be. */
  problem = null;
  /** Whether the list has been asked for at least once with this filter. */
  known = false;

  /** @param {import("../types").Api} api */
  constructor(api) {
    super();
    this.api = api;
  }

  get hasMore() {
    return this.#cursor !== null;
  }

  /** @returns {Item[]} In a search as the server found them, else the pinned first and the newest first. */
  get shown() {
    const items = [...this.#items.values()];
    if (this.filter.query) return items;
    return items.sort((a, b) =>
      Number(b.pinned ?? false) - Number(a.pinned ?? false)
      || b.updated_at.localeCompare(a.updated_at)
      || b.id.localeCompare(a.id));
  }

  /** @param {string} id */
  find(id) {
    return this.#items.get(id);
  }

  /** Shows what fits this filter, from the beginning. @param {Partial<Filter>} filter */
  async choose(filter) {
    this.filter = { ...this.filter, ...filter };
    this.known = false;
    await this.#begin();
  }

  /** Forgets everything, of whomever it was. */
  clear() {
    this.#round++;
    this.#busy = this.known = false;
    this.#items.clear();
    this.#cursor = null;
    this.#changed();
  }

  /** Looks whether anything is new; of a search, nothing is asked again. */
  async refresh() {
    if (this.#busy || (this.filter.query && this.known)) return;
    await this.#begin({ keep: this.known });
  }

  /** The next page, if there is one. */
  async more() {
    if (this.#busy || this.#cursor === null) return;
    await this.#ask(async (stillWanted) => {
      const page = await this.api.get(this.#path({ cursor: this.#cursor }));
      if (!stillWanted()) return;
      for (const item of page.items) this.#items.set(item.id, item);
      this.#cursor = page.next_cursor;
      this.#pages++;
    });
  }

  /** What is known before the server says so. @param {string} id @param {Partial<Item>} changes */
  change(id, changes) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#items.set(id, { ...item, ...changes });
    if (changes.archived !== undefined && changes.archived !== this.filter.archived) this.#items.delete(id);
    this.#changed();
  }

  /** @param {Item} item */
  put(item) {
    const seen = this.#items.get(item.id);
    const belongs = item.archived === this.filter.archived && (!this.filter.query || seen);
    if (belongs) this.#items.set(item.id, { ...seen, ...item });
    else this.#items.delete(item.id);
    this.#changed();
  }

  /** @param {string} id */
  remove(id) {
    if (this.#items.delete(id)) this.#changed();
  }

  async #begin({ keep = false } = {}) {
    this.#round++;
    this.#busy = false;
    await this.#ask(async (stillWanted) => {
      const [pinned, page] = await Promise.all([this.#pinned(), this.api.get(this.#path({}))]);
      if (!stillWanted()) return;
      if (keep) this.#forgetWhatIsGone(pinned, page);
      else this.#items.clear();
      for (const item of [...page.items, ...pinned]) this.#items.set(item.id, item);
      // The cursor of a later page goes on where it was, whatever has moved to the front since.
      if (!keep || this.#pages <= 1) [this.#cursor, this.#pages] = [page.next_cursor, 1];
      this.known = true;
    });
  }

  /** @returns {Promise<Item[]>} They are at the top, however old they are. */
  async #pinned() {
    if (this.filter.query || this.filter.archived) return [];
    const page = await this.api.get(`/api/conversations?pinned=true&limit=${MOST_PINNED}`);
    return page.items.filter((/** @type {Item} */ item) => item.pinned);
  }

  /**
   * What should be among the newest, and is not.
   *
   * @param {Item[]} pinned
   * @param {{ items: Item[], next_cursor: string | null }} page
   */
  #forgetWhatIsGone(pinned, page) {
    const there = new Set([...pinned, ...page.items].map(({ id }) => id));
    const oldest = page.next_cursor === null ? "" : page.items.at(-1)?.updated_at ?? "";
    for (const item of this.#items.values()) {
      if (!there.has(item.id) && (item.pinned || item.updated_at > oldest)) this.#items.delete(item.id);
    }
  }

  /** @param {(stillWanted: () => boolean) => Promise<void>} work */
  async #ask(work) {
    const round = this.#round;
    this.#busy = true;
    try {
      await work(() => round === this.#round);
      if (round === this.#round) this.problem = null;
    } catch (error) {
      if (round === this.#round) this.problem = /** @type {Error} */ (error);
    } finally {
      if (round === this.#round) {
        this.#busy = false;
        this.#changed();
      }
    }
  }

  /** @param {{ cursor?: string | null }} where */
  #path({ cursor }) {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (this.filter.query) query.set("q", this.filter.query);
    query.set("archived", this.filter.query ? "all" : String(this.filter.archived));
    if (cursor) query.set("cursor", cursor);
    return `/api/conversations?${query}`;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
