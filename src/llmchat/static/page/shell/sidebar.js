/** The sidebar: a new conversation, a search, the list of all, and who is here. */

import { byId, element, icon } from "../dom.js";
import { accountButton } from "./account.js";
import { Conversations } from "./conversations.js";
import { deedsOn } from "./deeds.js";
import { closeDrawer, openSidebar, showDrawer } from "./drawer.js";
import { keepFresh } from "./fresh.js";
import { ICONS, iconButton } from "./icons.js";
import { List } from "./list.js";
import { openMenu } from "./menu.js";
import { newChat } from "./newchat.js";
import { selection } from "./selection.js";
import { showTitle } from "./titles.js";

const TYPING_MS = 250;

/** @param {import("../types").App} app */
export function showSidebar(app) {
  const conversations = new Conversations(app.api);
  const deeds = deedsOn(app, conversations);
  const chosen = selection(conversations, deeds, () => list.render());
  const list = new List({
    conversations,
    current: () => (app.place.view ? null : app.place.id),
    selecting: () => chosen.on,
    selected: chosen.ids,
    acts: {
      address: ({ id }) => app.place.address(id),
      open(item, event) {
        if (chosen.on) { event.preventDefault(); chosen.toggle(item); }
        else if (!event.metaKey && !event.ctrlKey && !event.shiftKey) closeDrawer();
      },
      more: (item, anchor) => openMenu(anchor, itemsOf(item)),
      rename: (item, title) => void deeds.rename(item, title),
      select: (item) => chosen.toggle(item),
    },
  });

  /**
   * @param {import("./rows.js").Item} item
   * @returns {import("./menu.js").Item[]}
   */
  function itemsOf(item) {
    /** @type {import("./menu.js").Item[]} */
    const reading = [
      { icon: "download", label: "Export to read (Markdown)", act: () => void deeds.save(item, "markdown") },
      { icon: "download", label: "Export to keep (JSON)", act: () => void deeds.save(item, "json") },
    ];
    if (item.role === "viewer") return reading;
    return [
      { icon: "edit", label: "Rename", act: () => list.row(item.id)?.rename() },
      { icon: "pin", label: item.pinned ? "Unpin" : "Pin", act: () => void deeds.pin(item) },
      { icon: "archive", label: item.archived ? "Put back" : "Archive", act: () => void deeds.archive(item) },
      ...reading,
      { icon: "trash", label: "Delete", dangerous: true, act: () => void deeds.remove([item]) },
    ];
  }

  showDrawer();
  byId("topbar", HTMLElement).append(iconButton("add", "New chat", () => newChat(app), { class: "icon-button phone-new" }));
  const search = searchField(conversations);
  const more = iconButton("more", "More about the list", () => openMenu(more, [
    { icon: "select", label: "Select several", act: () => chosen.begin() },
    { icon: "upload", label: "Import a file", act: () => file.click() },
    {
      icon: "archive",
      label: conversations.filter.archived ? "Leave the archive" : "Show the archive",
      act: () => void conversations.choose({ archived: !conversations.filter.archived }),
    },
  ]), { ariaHasPopup: "menu", ariaExpanded: "false" });
  const file = element("input", { type: "file", accept: ".json,application/json", multiple: true, hidden: true, ariaLabel: "Import" });
  file.addEventListener("change", async () => { await deeds.load([...(file.files ?? [])]); file.value = ""; });

  byId("sidebar", HTMLElement).append(
    element("header", { class: "sidebar-head" },
      element("a", { class: "brand", href: app.place.address(null), onclick: closeDrawer }, "llmchat"),
      iconButton("sidebar", "Close the sidebar", () => openSidebar(false), { "aria-controls": "sidebar" })),
    element("div", { class: "sidebar-new" },
      element("a", { class: "button new-chat", href: app.place.address(null), onclick: () => newChat(app) }, icon(ICONS.add), "New chat")),
    element("div", { class: "sidebar-search" }, search, more, file),
    chosen.bar,
    list.element,
    element("footer", { class: "sidebar-foot" }, accountButton(app)));

  app.events.on("place", (id) => { list.render(); if (id) list.row(id)?.element.scrollIntoView({ block: "nearest" }); });
  app.events.on("view", () => list.render());
  app.events.on("signed-out", () => conversations.clear());
  keepFresh(app, conversations);
  showTitle(app);
}

/** @param {Conversations} conversations */
function searchField(conversations) {
  const field = element("input", { type: "search", id: "search", ariaLabel: "Search conversations", placeholder: "Search", maxLength: 512, autocomplete: "off", enterKeyHint: "search" });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const look = () => {
    const query = field.value.trim();
    if (query !== conversations.filter.query) void conversations.choose({ query });
  };
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, field.value ? TYPING_MS : 0); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && field.value) { event.preventDefault(); field.value = ""; look(); }
    if (event.key === "ArrowDown") {
      event.preventDefault();
      const first = document.querySelector("#conversations .row-link");
      if (first instanceof HTMLElement) first.focus();
    }
  });
  return element("div", { class: "search", role: "search" }, icon(ICONS.search), field);
}
