/** Who else sees a conversation: its members, and whoever has its link. For its owner. */

import { byId, element } from "../dom.js";
import { openDialog, toast, toastProblem } from "./dialogs.js";
import { iconButton } from "./icons.js";

/** @typedef {{ user: string, role: "viewer" | "editor" }} Member */

const ROLES = /** @type {const} */ ([["viewer", "may read"], ["editor", "may write"]]);
const USER = "[0-9A-Za-z][0-9A-Za-z._@+\\-]{0,127}";

/** @param {import("../types").App} app */
export function showShare(app) {
  const button = iconButton("share", "Share this chat", () => void openShare(app), { id: "share", ariaHasPopup: "dialog", hidden: true });
  byId("topbar", HTMLElement).append(button);
  const mark = () => {
    const now = app.conversation.current;
    button.hidden = app.place.id === null || now?.id !== app.place.id || (now.role ?? "owner") !== "owner";
  };
  app.events.on("place", mark);
  app.events.on("conversation", mark);
}

/** @param {import("../types").App} app */
async function openShare({ api, events, place }) {
  const { id } = place;
  if (id === null) return;
  const path = `/api/conversations/${id}`;
  const people = element("ul", { class: "people", role: "list" });
  const nobody = element("p", { class: "hint" }, "Nobody else yet.");

  /** @param {() => Promise<unknown>} work */
  async function attempt(work) {
    try {
      await work();
    } catch (error) {
      toastProblem(error);
    }
  }

  const showPeople = () => attempt(async () => {
    /** @type {{ items: Member[] }} */
    const { items } = await api.get(`${path}/members`);
    people.replaceChildren(...items.map(({ user, role }) => element("li", {},
      element("span", { class: "person" }, user),
      element("span", { class: "role" }, new Map(ROLES).get(role)),
      iconButton("close", `Remove ${user}`, () => attempt(async () => {
        await api.delete(`${path}/members/${encodeURIComponent(user)}`);
        events.tell("members", id);
        await showPeople();
      })))));
    nobody.hidden = items.length > 0;
  });

  const user = element("input", { type: "text", required: true, pattern: USER, autocomplete: "off", spellcheck: false, maxLength: 128 });
  const role = element("select", {}, ...ROLES.map(([value, label]) => element("option", { value }, label)));
  const add = element("form", { class: "inline", method: "dialog" },
    element("label", { class: "field" }, element("span", {}, "User"), user),
    element("label", { class: "field" }, element("span", {}, "Role"), role),
    element("button", { type: "submit", class: "button" }, "Add"));
  add.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      await api.post(`${path}/members`, { user: user.value.trim(), role: role.value });
      user.value = "";
      events.tell("members", id);
      await showPeople();
    });
  });

  openDialog("Share this chat", [
    element("section", { class: "share-part" }, element("h3", {}, "Members"),
      element("p", { class: "hint" }, "By the user names of their keys. Whoever may write also changes the settings."), people, nobody, add),
    linkPart(api, path, attempt),
  ]);
  await showPeople();
}

/**
 * @param {import("../types").Api} api
 * @param {string} path
 * @param {(work: () => Promise<unknown>) => Promise<void>} attempt
 */
function linkPart(api, path, attempt) {
  const url = element("input", { type: "text", readOnly: true, ariaLabel: "Link", onfocus: () => url.select() });
  const made = element("div", { class: "field-row field", hidden: true }, url, element("button", {
    type: "button", class: "button", onclick: () => attempt(async () => { await navigator.clipboard.writeText(url.value); toast("Copied."); }),
  }, "Copy"));
  const make = () => attempt(async () => {
    const link = await api.post(`${path}/link`);
    url.value = new URL(`/shared#${link.secret}`, location.href).href;
    made.hidden = false;
    url.focus();
  });
  const revoke = () => attempt(async () => {
    await api.delete(`${path}/link`);
    made.hidden = true;
    toast("The link opens nothing any more.");
  });
  return element("section", { class: "share-part" }, element("h3", {}, "Link to read"),
    element("p", { class: "hint" }, "Whoever has it reads along, without a key. It is shown this once; a new one takes the place of the old one."),
    made,
    element("div", { class: "dialog-actions" },
      element("button", { type: "button", class: "button plain", onclick: revoke }, "Revoke"),
      element("button", { type: "button", class: "button", onclick: make }, "Make a link")));
}
