/** Elements of SVG, by code; their colours are classes of style/views.css. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Record<string, string | number | undefined>} attributes
 * @param {...(Node | string)} children
 */
export function drawn(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

/**
 * Draws anew whenever its place gets another width.
 *
 * @param {HTMLElement} place
 * @param {(width: number) => SVGElement} draw
 */
export function drawnToFit(place, draw) {
  let before = 0;
  new ResizeObserver(() => {
    const width = Math.floor(place.clientWidth);
    if (width === before || width === 0) return;
    before = width;
    place.replaceChildren(draw(width));
  }).observe(place);
  return place;
}
