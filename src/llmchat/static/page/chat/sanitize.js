/** The one door through which markup gets onto the page. The policy of Trusted Types knows no other. */

import DOMPurify from "../vendor/dompurify/purify.es.mjs";

const TAGS = [
  "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li",
  "mark", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
];
const ATTRIBUTES = ["align", "alt", "class", "href", "src", "start", "title"];
const LINK = /^(?:https?:\/\/|mailto:)/i;
const IMAGE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/i;
// What markdown and highlight.js write; a class of the page itself would dress text up as a button.
const CLASS = /^(?:language-[\w+#.-]{1,40}|task|(?:hljs-[\w-]+)(?: (?:hljs-[\w-]+|\w+_))*)$/;

/** Whether a link may lead there. @param {string} address */
export const isLink = (address) => LINK.test(address) && URL.canParse(address);

/** Whether it is an image itself, and not the address of one. @param {string} address */
export const isImage = (address) => IMAGE.test(address);

const purify = DOMPurify;

purify.addHook("uponSanitizeAttribute", (_node, attribute) => {
  const { attrName, attrValue } = attribute;
  if (attrName === "class") attribute.keepAttr = CLASS.test(attrValue);
  if (attrName === "src") attribute.keepAttr = isImage(attrValue);
  if (attrName === "href") attribute.keepAttr = isLink(attrValue);
});

purify.addHook("afterSanitizeAttributes", (node) => {
  if (node instanceof HTMLAnchorElement) {
    node.target = "_blank";
    node.rel = "noopener noreferrer nofollow";
  }
});

/**
 * @param {string} html
 * @returns {DocumentFragment}
 */
export function sanitized(html) {
  return purify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
