/** Who is here: faces in the top bar, their names at a click; and who is typing, above the composer. */

import { byId, element } from "../dom.js";
import { place } from "../shell/menu.js";
import { initials, presentLine, typingLine } from "./company.js";

const MOST_FACES = 4;

/** @param {import("../types").App} app */
export function showPeople({ room, events }) {
  const faces = element("span", { class: "faces", ariaHidden: "true" });
  const count = element("span", { class: "count", ariaHidden: "true" });
  const names = element("span", { class: "unseen" });
  const button = element("button", { type: "button", id: "people", class: "button plain", ariaExpanded: "false", hidden: true }, faces, count, names);
  const list = element("ul", { class: "people", role: "list" });
  const box = element("div", { id: "people-here", class: "menu", popover: "auto", role: "group", ariaLabel: "Who is here" }, list);
  button.popoverTargetElement = box;
  box.addEventListener("toggle", (event) => {
    const isOpen = /** @type {ToggleEvent} */ (event).newState === "open";
    button.ariaExpanded = String(isOpen);
    if (isOpen) place(box, button);
  });
  byId("settings", HTMLElement).before(button, box);
  events.on("place", () => box.matches(":popover-open") && box.hidePopover());

  const show = () => {
    const { company, me } = room;
    const { present } = company;
    const line = typingLine(company, me);
    const typing = byId("typing", HTMLElement);
    if (typing.textContent !== line) typing.textContent = line;
    button.hidden = !present.length;
    if (button.hidden && box.matches(":popover-open")) box.hidePopover();
    names.textContent = button.title = presentLine(present, me);
    // Others first: everybody knows that they are here themselves.
    const order = [...present].sort((one, other) => Number(one === me) - Number(other === me));
    const shown = order.slice(0, present.length > MOST_FACES ? MOST_FACES - 1 : MOST_FACES);
    const more = present.length - shown.length;
    faces.replaceChildren(...shown.map((user) => face(initials(user))), ...(more ? [face(`+${more}`)] : []));
    count.textContent = String(present.length);
    list.replaceChildren(...order.map((user) => element("li", {},
      face(initials(user)),
      element("span", { class: "person" }, user),
      element("span", { class: "role" }, user === me ? "you" : company.typing.has(user) ? "typing…" : ""))));
  };
  room.subscribe(show);
}

/** @param {string} letters */
function face(letters) {
  return element("span", { class: "face", ariaHidden: "true" }, letters);
}
