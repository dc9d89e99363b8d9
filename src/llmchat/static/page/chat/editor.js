/** A message that is written anew: what comes of it is another version, and the old one stays. */

import { element } from "../dom.js";
import { imagesOf, textOf } from "./facts.js";
import { breaksLine } from "./keys.js";

/**
 * @param {import("../types").Message} message
 * @param {object} ways
 * @param {(content: import("../types").Content) => Promise<boolean>} ways.send Whether it was accepted.
 * @param {() => void} ways.done
 */
export function editor(message, { send, done }) {
  const images = imagesOf(message.content);
  const field = element("textarea", { value: textOf(message.content), rows: 2, dir: "auto", ariaLabel: "Edit the message" });
  const submit = element("button", { class: "button main small" }, "Send");
  const cancel = element("button", { type: "button", class: "button plain small", onclick: done }, "Cancel");
  const form = element("form", { class: "editor" }, field, element("div", { class: "editor-actions" }, cancel, submit));
  form.onsubmit = async (event) => {
    event.preventDefault();
    const text = field.value;
    if (submit.disabled || (!text.trim() && !images.length)) return;
    submit.disabled = true;
    const parts = images.map((url) => ({ type: /** @type {const} */ ("image_url"), image_url: { url } }));
    const content = images.length ? [{ type: /** @type {const} */ ("text"), text }, ...parts] : text;
    const accepted = await send(content).finally(() => (submit.disabled = false));
    if (accepted) done();
  };
  field.onkeydown = (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      return done();
    }
    if (event.key !== "Enter" || breaksLine(event)) return;
    event.preventDefault();
    form.requestSubmit();
  };
  return form;
}
