/**
 * Choosing a model: a list that is filtered while one types, with what each model is.
 * https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
 */

import { element } from "../dom.js";
import { factsOf } from "./catalogue.js";
import { place } from "./menu.js";

/**
 * @param {HTMLElement} anchor
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @param {string} current
 * @param {(model: string) => void} choose
 */
export function openPicker(anchor, catalogue, current, choose) {
  let active = current;
  /** @type {HTMLElement[]} What can be chosen now, in its order. */
  let options = [];
  const list = element("div", { id: "models", role: "listbox", ariaLabel: "Models" });
  const none = element("p", { class: "list-note", role: "status" });
  const field = element("input", {
    type: "text", role: "combobox", ariaLabel: "Find a model", placeholder: "Find a model", autocomplete: "off", spellcheck: false,
    ariaExpanded: "true", ariaAutoComplete: "list", "aria-controls": "models",
  });
  const box = element("div", { class: "picker", popover: "auto", role: "dialog", ariaLabel: "Choose a model" }, field, list, none);

  function show() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = catalogue.models.filter(({ id }) => words.every((word) => id.toLowerCase().includes(word)));
    /** @type {Map<string, HTMLElement[]>} */
    const groups = new Map();
    for (const model of found) groups.set(model.provider, [...(groups.get(model.provider) ?? []), optionOf(model)]);
    list.replaceChildren(...[...groups].map(([provider, models], index) => groupOf(provider, models, index)));
    options = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[role=option]:not([aria-disabled=true])")]);
    if (!options.some(({ dataset }) => dataset.model === active)) active = options[0]?.dataset.model ?? "";
    none.textContent = found.length ? "" : catalogue.models.length ? "No model has that name." : "Asking for the models…";
    mark();
  }

  /** @param {import("./catalogue.js").Model} model */
  function optionOf(model) {
    const chosen = model.id === current;
    const facts = [factsOf(model), model.available ? "" : "cannot be reached now"].filter(Boolean).join(" · ");
    const id = `model-${model.id.replace(/[^\w-]/g, (character) => `_${character.codePointAt(0)}`)}`;
    return element("div", {
      id, role: "option", class: "option", data: { model: model.id }, ariaSelected: String(chosen), ariaDisabled: String(!model.available),
      onclick: () => { if (model.available) take(model.id); },
      onpointermove: () => { if (model.available && active !== model.id) { active = model.id; mark(false); } },
    }, element("span", { class: "option-name" }, model.id.slice(model.provider.length + 1) || model.id), facts && element("span", { class: "option-facts" }, facts));
  }

  /**
   * @param {string} provider
   * @param {HTMLElement[]} models
   * @param {number} index
   */
  function groupOf(provider, models, index) {
    const now = catalogue.health.get(provider);
    const how = now ? { healthy: "up", degraded: "degraded", down: "down" }[now.status] : "";
    const speed = now?.latency_ms != null ? ` · ${Math.round(now.latency_ms)} ms` : "";
    const name = element("div", { id: `provider-${index}`, class: "option-group" },
      element("span", {}, provider),
      how && element("span", { class: `health ${how}`, title: now?.detail ?? "" }, how + speed));
    return element("div", { role: "group", "aria-labelledby": name.id }, name, ...models);
  }

  function mark(scroll = true) {
    field.removeAttribute("aria-activedescendant");
    for (const option of options) {
      const isActive = option.dataset.model === active;
      option.classList.toggle("active", isActive);
      if (!isActive) continue;
      field.setAttribute("aria-activedescendant", option.id);
      if (scroll) option.scrollIntoView({ block: "nearest" });
    }
  }

  /** @param {string} model */
  function take(model) {
    box.hidePopover();
    choose(model);
  }

  /** @param {number} index */
  function go(index) {
    active = options[(index + options.length) % options.length]?.dataset.model ?? "";
    mark();
  }

  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const now = options.findIndex(({ dataset }) => dataset.model === active);
    if (event.key === "Enter") { event.preventDefault(); if (active) take(active); }
    const next = { ArrowDown: now + 1, ArrowUp: now - 1, PageDown: Math.min(now + 8, options.length - 1), PageUp: Math.max(now - 8, 0) }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    go(next);
  });
  const onChange = () => { show(); place(box, anchor); };
  catalogue.addEventListener("change", onChange);
  box.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "open") return;
    catalogue.removeEventListener("change", onChange);
    anchor.ariaExpanded = "false";
    box.remove();
  });
  document.body.append(box);
  anchor.ariaExpanded = "true";
  box.showPopover();
  show();
  place(box, anchor);
  field.focus();
}
