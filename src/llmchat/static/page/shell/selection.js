/** Several conversations at once: select, and delete together. */

import { element } from "../dom.js";

/**
 * @param {import("./conversations.js").Conversations} conversations
 * @param {{ remove: (items: import("./rows.js").Item[]) => Promise<boolean> }} deeds
 * @param {() => void} render
 */
export function selection(conversations, deeds, render) {
  /** @type {Set<string>} */
  const ids = new Set();
  const count = element("span", { role: "status" });
  const button = (/** @type {string} */ label, /** @type {() => void} */ onclick, kind = "plain") =>
    element("button", { type: "button", class: `button small ${kind}`, onclick }, label);
  const remove = button("Delete", async () => {
    const items = conversations.shown.filter(({ id }) => ids.has(id));
    if (await deeds.remove(items)) end();
  }, "bad");
  const all = button("All", () => {
    for (const { id } of conversations.shown) ids.add(id);
    show();
  });
  const bar = element("div", { class: "selection", role: "group", ariaLabel: "Selected conversations", hidden: true }, count, all, remove, button("Done", end));
  bar.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.preventDefault(); end(); } });

  function show() {
    count.textContent = `${ids.size} selected`;
    remove.disabled = !ids.size;
    render();
  }
  function end() {
    ids.clear();
    bar.hidden = true;
    show();
  }
  conversations.addEventListener("change", () => {
    for (const id of ids) if (!conversations.find(id)) ids.delete(id);
    count.textContent = `${ids.size} selected`;
  });

  return {
    ids,
    bar,
    get on() {
      return !bar.hidden;
    },
    begin() {
      bar.hidden = false;
      show();
      all.focus();
    },
    /** @param {import("./rows.js").Item} item */
    toggle({ id }) {
      if (!ids.delete(id)) ids.add(id);
      show();
    },
  };
}
