/** The shell's pictograms, as `icon` of dom.js draws them, and the buttons that show nothing else. */

import { element, icon } from "../dom.js";

export const ICONS = {
  add: "M12 5v14M5 12h14",
  archive: "M4 5h16v4H4zM5.5 9v10h13V9M10 13h4",
  chart: "M4 20h16M6.5 16.500v-5M12 16.500V5M17.5 16.500V9",
  check: "M5 12.5l5 5L19.5 7",
  chevron: "M6.5 9.5L12 15l5.5-5.5",
  close: "M6 6l12 12M18 6L6 18",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  document: "M6 3.500h8l4 4v13H6zM13.5 3.500v4.500H18M9 12.500h6M9 16h6",
  edit: "M5 19l1-4.2L15.6 5.2a1.7 1.7 0 012.4 0l.8.8a1.7 1.7 0 010 2.4L9.2 18z",
  flask: "M9.5 4h5M10.500 4v5.500L5.800 18a1.700 1.700 0 001.500 2.500h9.400a1.700 1.700 0 001.500-2.500L13.500 9.500V4M8 15h8",
  key: "M15 9a4.2 4.2 0 11-8.4 0A4.2 4.2 0 0115 9zM13.8 12l6.2 6.2M17 15.2l-2 2",
  keyboard: "M3 6h18v12H3zM7 10h.01M10.3 10h.01M13.7 10h.01M17 10h.01M8 14h8",
  leave: "M10 5H5v14h5M14.5 7.5L19 12l-4.5 4.5M19 12h-9",
  menu: "M4 7h16M4 12h16M4 17h16",
  more: "M5.2 12a.8.8 0 101.6 0 .8.8 0 10-1.6 0M11.2 12a.8.8 0 101.6 0 .8.8 0 10-1.6 0M17.2 12a.8.8 0 101.6 0 .8.8 0 10-1.6 0",
  pin: "M8.5 4h7L14.3 10l3.2 3.5h-11L9.7 10zM12 13.500V20",
  search: "M17 10.500a6 6 0 11-12 0 6 6 0 0112 0zM15.5 15L20 19.5",
  select: "M4.5 4.500h15v15h-15zM8 12l3 3 5-6",
  shield: "M12 3.500l7 2.500v5.500c0 4.300-2.900 7.300-7 9-4.100-1.700-7-4.700-7-9V6zM9 12l2.200 2.200L15.200 10",
  share: "M12 14V4M8 7.500L12 3.700l4 3.800M5 12v8h14v-8",
  sidebar: "M4 5h16v14H4zM9.5 5v14",
  sliders: "M4 8h8M17 8h3M4 16h3M12 16h8M17 8a2.5 2.5 0 11-5 0 2.5 2.5 0 015 0zM12 16a2.5 2.5 0 11-5 0 2.5 2.5 0 015 0z",
  trash: "M5 7h14M10 7V4.500h4V7M6.7 7l.9 13h8.800l.9-13M10.3 11v5M13.7 11v5",
  upload: "M12 16V5M7.5 9.500L12 5l4.5 4.500M5 20h14",
};

/** @typedef {keyof typeof ICONS} IconName */

/**
 * Its name is for who listens to the page, and for who points at the button.
 *
 * @param {IconName} name
 * @param {string} label
 * @param {(event: MouseEvent) => void} onclick
 * @param {Record<string, any>} [members]
 */
export function iconButton(name, label, onclick, members = {}) {
  return element("button", { type: "button", class: "icon-button", ariaLabel: label, title: label, onclick, ...members }, icon(ICONS[name]));
}
