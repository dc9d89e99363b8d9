/** Where the model answers only those who call it: the composer says so, and `@model` is quickly written. */

import { byId, element } from "../dom.js";
import { CALL, callBegunIn, callIn } from "./addressing.js";

/** @param {import("../types").App} app */
export function showCalling({ choices, conversation, events, room }) {
  const question = byId("question", HTMLTextAreaElement);
  const button = element("button", { type: "button", id: "call", class: "button small" }, CALL);
  const hint = element("span", { id: "calling-hint", class: "hint" });
  const line = element("div", { id: "calling", hidden: true }, button, hint);
  byId("box", HTMLElement).after(line);

  const called = () => callIn(question.value, choices.current().model);
  const begun = () => {
    const { value, selectionStart: caret, selectionEnd } = question;
    return !line.hidden && caret === selectionEnd ? callBegunIn(value.slice(0, caret)) : null;
  };
  const says = () => {
    if (begun()) return `Tab writes ${CALL}.`;
    if (called()) return "The model answers this.";
    return room.isShared ? `Without ${CALL}, only people read it.` : `Without ${CALL}, it is a note: nobody answers.`;
  };

  const show = () => {
    const { current } = conversation;
    line.hidden = current?.reply_mode !== "addressed" || current.role === "viewer";
    if (line.hidden) question.removeAttribute("aria-describedby");
    else question.setAttribute("aria-describedby", hint.id);
    button.ariaPressed = String(!!called());
    const said = says();
    if (hint.textContent !== said) hint.textContent = said;
  };

  /**
   * @param {string} text
   * @param {{from: number, to: number}} instead Of what is there.
   */
  const write = (text, { from, to }) => {
    question.setRangeText(text, from, to, "end");
    question.dispatchEvent(new InputEvent("input", { bubbles: true }));
  };

  button.onclick = () => {
    const found = called();
    if (!found) write(`${CALL} `, { from: 0, to: 0 });
    else write("", { from: found.from, to: found.to + (question.value[found.to] === " " ? 1 : 0) });
    question.setSelectionRange(question.value.length, question.value.length);
    question.focus();
  };
  question.addEventListener("keydown", (event) => {
    const place = event.key === "Tab" && !event.shiftKey && !event.isComposing ? begun() : null;
    if (!place) return;
    event.preventDefault();
    write(`${CALL} `, place);
  });
  for (const name of /** @type {const} */ (["input", "keyup", "click"])) question.addEventListener(name, show);
  for (const name of /** @type {const} */ (["conversation", "place", "sent"])) events.on(name, show);
  room.subscribe(show);
}
