/** What is on a piece of the page that markdown cannot become, and the page does not put around it. */
(root) => {
  const tags = new Set(`A B BLOCKQUOTE BR CODE DEL EM H1 H2 H3 H4 H5 H6 HR I IMG KBD LI MARK OL P PRE S SPAN STRONG SUB
    SUP TABLE TBODY TD TH THEAD TR U UL DIV BUTTON`.split(/\s+/));
  const attributes = new Set(`align alt class dir href rel src start target title tabindex role aria-label data-language
    type`.split(/\s+/));
  const wrong = [];
  for (const node of root.querySelectorAll("*")) {
    if (!tags.has(node.tagName)) wrong.push(node.outerHTML);
    for (const { name } of node.attributes) if (!attributes.has(name)) wrong.push(`${node.tagName} ${name}`);
    if (node.matches("a[href]") && !/^(https?:\/\/|mailto:)/.test(node.getAttribute("href"))) wrong.push(node.outerHTML);
    if (node.matches("a[href]") && (node.target !== "_blank" || !/noopener.*nofollow/.test(node.rel))) wrong.push(node.outerHTML);
    if (node.matches("img") && !/^data:image\/(png|jpeg|gif|webp);base64,/.test(node.getAttribute("src"))) wrong.push(node.outerHTML);
    if (node.matches("div:not(.code, .head, .table), button:not(.copy)")) wrong.push(node.outerHTML);
  }
  return wrong;
}
