/** Shows each text as it would stream in, character by character, and looks at what it became. */
async (payloads) => { 
  const inspect = INSPECT;
  const { Markdown } = await import("/static/page/chat/markdown.js");
  const root = document.body.appendChild(document.createElement("section"));
  const wrong = [];
  for (const payload of payloads) {
    const place = root.appendChild(document.createElement("div"));
    const markdown = new Markdown(place);
    for (let end = 1; end < payload.length; end += 1) {
      markdown.show(payload.slice(0, end), false);
      wrong.push(...inspect(place));
    }
    markdown.show(payload, true);
    const streamed = place.innerText;
    const whole = root.appendChild(document.createElement("div"));
    new Markdown(whole).show(payload, true);
    if (whole.innerText !== streamed) wrong.push(`${streamed} is not ${whole.innerText}`);
    wrong.push(...inspect(place));
    await new Promise((done) => setTimeout(done)); // For what would run a moment later.
  }
  return wrong;
}
