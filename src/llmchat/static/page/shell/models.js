/** Which model answers next: the button in the top bar, and what the conversation has chosen. */

import { byId, element, icon } from "../dom.js";
import { beginning, pick } from "./beginning.js";
import { Catalogue } from "./catalogue.js";
import { toastProblem } from "./dialogs.js";
import { ICONS } from "./icons.js";
import { openPicker } from "./picker.js";

const KEY = "llmchat.model";
const AGAIN_SECONDS = 5;

let open = () => {};
/** For the key. */
export const openModels = () => open();

/** @param {import("../types").App} app */
export function showModels(app) {
  const { api, place, events, conversation, choices } = app;
  const catalogue = new Catalogue(api);
  /** @type {{ id: string | null, model: string | null }} What was chosen here, and may not be stored yet. */
  let chosen = { id: null, model: kept() };
  /** What the template says with which a new conversation begins. */
  const suggested = () => beginning()?.model ?? null;
  /** @type {{ id: string, model: string | null } | null} Who answered last, where nothing is chosen. */
  let last = null;

  const name = element("span", { class: "model-name" }, "…");
  const dot = element("span", { class: "dot", hidden: true });
  const button = element("button", { type: "button", id: "model", class: "button plain model-button", ariaHasPopup: "dialog", ariaExpanded: "false" },
    dot, element("span", { class: "unseen" }, "Model: "), name, icon(ICONS.chevron));
  byId("topbar", HTMLElement).append(button);

  /** @returns {string | null} The model of the open conversation; null: the server's default. */
  function current() {
    if (chosen.id === place.id && chosen.model && !isGone(chosen.model)) return chosen.model;
    if (place.id === null) return suggested();
    if (conversation.current?.id === place.id && conversation.current.model) return conversation.current.model;
    return last?.id === place.id ? last.model : null;
  }

  /** Only of what was chosen another day. @param {string} model */
  function isGone(model) {
    return place.id === null && catalogue.models.length > 0 && !catalogue.find(model);
  }

  function show() {
    // Until it is known, what stood there is the better guess.
    if (place.id !== null && conversation.current?.id !== place.id && chosen.id !== place.id) return;
    const id = current() ?? catalogue.fallback;
    const model = catalogue.find(id);
    const isDown = catalogue.models.length > 0 && !(model?.available ?? false);
    name.textContent = id || "…";
    dot.hidden = !isDown;
    button.title = isDown ? `${id} cannot be reached now` : id;
    button.disabled = conversation.current?.role === "viewer" && place.id !== null;
  }

  /** @param {string} model */
  async function choose(model) {
    const id = place.id;
    chosen = { id, model };
    keep(model);
    show();
    if (id === null) return pick(model);
    try {
      events.tell("conversation", await api.patch(`/api/conversations/${id}`, { model }));
    } catch (error) {
      if (chosen.id === id) chosen = { id: null, model: null };
      show();
      toastProblem(error);
    }
  }

  async function whoAnsweredLast() {
    const id = place.id;
    if (id === null || last?.id === id || conversation.current?.model) return;
    last = { id, model: null };
    const page = await api.get(`/api/conversations/${id}/messages?limit=1&order=desc`).catch(() => null);
    if (last.id === id) last = { id, model: page?.items[0]?.model ?? null };
    show();
  }

  async function load() {
    try {
      await catalogue.look();
      show();
    } catch (error) {
      if (/** @type {import("../api.js").Problem} */ (error).status !== 401) setTimeout(load, AGAIN_SECONDS * 1000);
    }
  }

  open = () => {
    if (button.disabled) return;
    void catalogue.look().catch(toastProblem);
    void catalogue.check().catch(() => {});
    openPicker(button, catalogue, current() ?? catalogue.fallback, (model) => void choose(model));
  };
  button.addEventListener("click", open);
  catalogue.addEventListener("change", show);
  events.on("conversation", ({ id, model }) => {
    if (chosen.id === id && chosen.model !== model) chosen = { id: null, model: null };
    show();
    void whoAnsweredLast();
  });
  const beginAnew = () => {
    // A new conversation that got its id keeps what was chosen for it.
    if (place.id === null) chosen = { id: null, model: beginning()?.picked ?? (suggested() ? null : kept()) };
    show();
  };
  events.on("place", beginAnew);
  events.on("template", beginAnew);
  events.on("signed-in", () => void load());
  void load();

  choices.current = () => ({ model: place.id === null ? undefined : current() ?? undefined });
  // An experiment may compare models: what the template says is for the server to say.
  choices.draft = () => ({ model: (current() === suggested() ? null : current()) ?? undefined });
}

/** What was chosen last is what a new conversation begins with. @returns {string | null} */
function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** @param {string} model */
function keep(model) {
  try {
    localStorage.setItem(KEY, model);
  } catch { /* Then the server's default is. */ }
}
