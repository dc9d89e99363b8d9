/** Above the first message: the template that the conversation began with. */

import { byId, element } from "../dom.js";

/** @param {import("../types").App} app */
export function showBegun({ conversation }) {
  const link = element("a", {});
  const line = element("p", { id: "begun", hidden: true }, "Begun with the template ", link, ".");
  byId("messages", HTMLElement).before(line);
  conversation.subscribe(() => {
    const template = conversation.current?.template;
    line.hidden = !template || !conversation.state.loaded || conversation.hasOlder;
    if (!template) return;
    link.href = `#/templates/${template.name}?version=${template.version}`;
    link.textContent = `${template.name}, version ${template.version}`;
  });
}
