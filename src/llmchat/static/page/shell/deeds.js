/** What can be done to conversations from the list: shown at once, taken back when the server refuses. */

import { confirmed, toast, toastProblem } from "./dialogs.js";
import { tellTabs } from "./tabs.js";
import { titleOf } from "./titles.js";

/** @typedef {import("./conversations.js").Item} Item */

const MOST_AT_ONCE = 100;

/**
 * @param {import("../types").App} app
 * @param {import("./conversations.js").Conversations} conversations
 */
export function deedsOn({ api, events, place }, conversations) {
  const path = (/** @type {string} */ id) => `/api/conversations/${id}`;

  /**
   * @param {Item} item
   * @param {Partial<Item>} changes
   */
  async function change(item, changes) {
    conversations.change(item.id, changes);
    try {
      const now = await api.patch(path(item.id), changes);
      conversations.put({ ...item, ...now });
      if (place.id === item.id) events.tell("conversation", now);
      tellTabs({ kind: "changed", id: item.id });
      return true;
    } catch (error) {
      conversations.put(item);
      toastProblem(error);
      return false;
    }
  }

  /** @param {Item[]} items */
  async function remove(items) {
    const one = items.length === 1;
    const title = one ? `Delete “${titleOf(items[0])}”?` : `Delete ${items.length} conversations?`;
    const text = `${one ? "Its" : "Their"} messages go with ${one ? "it" : "them"}, and what is being written is stopped. This cannot be undone.`;
    if (!(await confirmed({ title, text, action: "Delete", dangerous: true }))) return false;
    try {
      for (let begin = 0; begin < items.length; begin += MOST_AT_ONCE) {
        const ids = items.slice(begin, begin + MOST_AT_ONCE).map(({ id }) => id);
        if (one) await api.delete(path(ids[0]));
        else await api.post("/api/conversations/delete", { ids });
        ids.forEach(gone);
      }
    } catch (error) {
      // Somebody was faster: it is as it should be.
      if (/** @type {import("../api.js").Problem} */ (error).status !== 404) { toastProblem(error); return false; }
      items.forEach(({ id }) => gone(id));
    }
    toast(one ? "Deleted." : `${items.length} conversations deleted.`);
    return true;
  }

  /** @param {string} id */
  function gone(id) {
    conversations.remove(id);
    tellTabs({ kind: "deleted", id });
    events.tell("deleted", id);
    if (place.id === id) place.open(null);
  }

  /**
   * @param {Item} item
   * @param {"json" | "markdown"} format
   */
  async function save(item, format) {
    try {
      const response = await api.open("GET", `${path(item.id)}/export?format=${format}`);
      const name = nameIn(response.headers.get("Content-Disposition")) ?? `conversation.${format === "json" ? "json" : "md"}`;
      const url = URL.createObjectURL(await response.blob());
      Object.assign(document.createElement("a"), { href: url, download: name }).click();
      // Not at once: the download has only been asked for.
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      toastProblem(error);
    }
  }

  /** @param {File[]} files Exports, as JSON. */
  async function load(files) {
    for (const file of files) {
      try {
        const made = await api.post("/api/conversations/import", JSON.parse(await file.text()));
        conversations.put(made);
        tellTabs({ kind: "list" });
        place.open(made.id);
        toast(`Imported “${titleOf(made)}”.`);
      } catch (error) {
        if (error instanceof SyntaxError) toast(`${file.name} is not an export: it is no JSON.`);
        else toastProblem(error);
      }
    }
  }

  return {
    remove,
    save,
    load,
    /** @param {Item} item @param {string} title */
    rename: (item, title) => change(item, { title }),
    /** @param {Item} item */
    pin: (item) => change(item, { pinned: !item.pinned }),
    /** @param {Item} item */
    async archive(item) {
      const archived = !item.archived;
      if (!(await change(item, { archived }))) return;
      toast(archived ? "Archived." : "Back in the list.", { label: "Undo", act: () => void change({ ...item, archived }, { archived: !archived }) });
    },
  };
}

/** The file name in a Content-Disposition. @param {string | null} header */
function nameIn(header) {
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(header ?? "")?.[1];
  if (encoded) return decodeURIComponent(encoded);
  return /filename="([^"]+)"/i.exec(header ?? "")?.[1];
}
