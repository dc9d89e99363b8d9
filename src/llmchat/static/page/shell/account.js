/** Who is here, and what they like: the button at the foot of the sidebar. */

import { element, icon } from "../dom.js";
import { openDialog } from "./dialogs.js";
import { closeDrawer } from "./drawer.js";
import { ICONS } from "./icons.js";
import { openMenu } from "./menu.js";
import { setSingleKeys, showKeys, singleKeys } from "./shortcuts.js";
import { signOut } from "./signin.js";
import { themeChoice } from "./theme.js";
import { viewsFor } from "./views.js";

/** @param {import("../types").App} app */
export function accountButton(app) {
  const name = element("span", { class: "account-name" }, "Preferences");
  let signedIn = false;
  let scopes = /** @type {readonly string[]} */ ([]);
  const button = element("button", {
    type: "button", class: "button plain account", ariaHasPopup: "menu", ariaExpanded: "false",
    onclick: () => openMenu(button, [
      ...viewsFor(scopes).map(({ name, title, icon: sign }) => ({
        icon: sign, label: title, act: () => { app.place.show(`#/${name}`); closeDrawer(); },
      })),
      { icon: "sliders", label: "Preferences", act: showPreferences },
      { icon: "keyboard", label: "Keyboard shortcuts", act: () => showKeys() },
      { icon: "key", label: "The API", act: () => { open("/docs", "_blank", "noopener"); } },
      .../** @type {import("./menu.js").Item[]} */ (signedIn ? [{ icon: "leave", label: "Sign out", act: () => void signOut(app) }] : []),
    ]),
  }, icon(ICONS.sliders), name);
  app.events.on("me", (me) => {
    signedIn = me.key_id !== null;
    scopes = me.scopes;
    name.textContent = signedIn ? me.user : "Preferences";
  });
  return button;
}

export function showPreferences() {
  const single = element("input", { type: "checkbox", checked: singleKeys(), onchange: () => setSingleKeys(single.checked) });
  openDialog("Preferences", [
    themeChoice(),
    element("label", { class: "check" }, single, element("span", {}, "Shortcuts of a single key, such as ", element("kbd", {}, "n"), " for a new chat")),
    element("p", { class: "hint" }, "These are kept in this browser."),
  ], { kind: "small" });
}
