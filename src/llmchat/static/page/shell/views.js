/**
 * What lies above the conversation for a while: usage, templates, what an admin sees. Each view is a
 * module of its own, and comes when it is first opened; the conversation goes on below.
 */

import { byId, element } from "../dom.js";
import { iconButton } from "./icons.js";

/** @typedef {import("../types").ViewName} ViewName */
/** @typedef {import("../types").ViewModule} ViewModule */
/** @typedef {{ name: ViewName, title: string, icon: import("./icons.js").IconName, admin?: boolean, load: () => Promise<ViewModule> }} Entry */

/** @type {readonly Entry[]} */
const VIEWS = [
  { name: "usage", title: "Usage", icon: "chart", load: () => import("../views/usage.js") },
  { name: "templates", title: "Templates", icon: "document", load: () => import("../views/templates.js") },
  { name: "experiments", title: "Experiments", icon: "flask", admin: true, load: () => import("../views/experiments.js") },
  { name: "admin", title: "Admin", icon: "shield", admin: true, load: () => import("../views/admin.js") },
];
const STYLE = "/static/page/style/views.css";

/** Those that somebody with these scopes can use. @param {readonly string[]} scopes */
export function viewsFor(scopes) {
  return VIEWS.filter(({ admin }) => !admin || scopes.includes("admin"));
}

/** @param {import("../types").App} app */
export function showViews(app) {
  const { events, place } = app;
  const main = element("main", { id: "view", hidden: true });
  const links = element("nav", { id: "views", ariaLabel: "Views" });
  const close = iconButton("close", "Back to the chat", () => place.open(place.id), { class: "icon-button view-close" });
  byId("pane", HTMLElement).after(main);
  byId("topbar", HTMLElement).append(links, close);
  /** @type {AbortController | null} */
  let open = null;
  /** @type {readonly string[] | null} */
  let scopes = null;

  function showLinks() {
    links.replaceChildren(...viewsFor(scopes ?? []).map(({ name, title }) => element("a", {
      href: `#/${name}`, ...(place.view?.name === name ? { "aria-current": "page" } : {}),
    }, title)));
    links.querySelector("[aria-current]")?.scrollIntoView({ inline: "nearest", block: "nearest" });
  }

  async function show() {
    const { view } = place;
    open?.abort();
    const left = (open = new AbortController()).signal;
    document.documentElement.toggleAttribute("data-view", !!view);
    main.hidden = !view;
    showLinks();
    if (!view) return main.replaceChildren();
    const entry = /** @type {Entry} */ (VIEWS.find(({ name }) => name === view.name));
    document.title = `${entry.title} · llmchat`;
    const content = await shownBy(entry, view, left);
    if (left.aborted) return;
    main.replaceChildren(content);
    main.scrollTop = 0;
    const heading = main.querySelector("h1");
    if (heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
  }

  /**
   * @param {Entry} entry
   * @param {import("../types").View} view
   * @param {AbortSignal} left
   */
  async function shownBy(entry, view, left) {
    if (entry.admin && scopes && !scopes.includes("admin")) return refusal(entry.title);
    try {
      const [{ show: make }] = await Promise.all([entry.load(), style()]);
      return make(app, view, left);
    } catch {
      return element("div", { class: "view" }, element("h1", {}, entry.title),
        element("p", { class: "problem", role: "alert" }, "This view cannot be loaded now. Reload the page to try again."));
    }
  }

  events.on("view", () => void show());
  events.on("me", (me) => {
    const before = scopes;
    scopes = me.scopes;
    showLinks();
    if (place.view && before?.join() !== scopes.join()) void show();
  });
  events.on("signed-in", () => { if (place.view) void show(); });
}

/** @param {string} title */
function refusal(title) {
  return element("div", { class: "view" }, element("h1", {}, title),
    element("p", { class: "hint" }, "This is for keys with the scope ", element("code", {}, "admin"), ". Whoever runs the server makes one."));
}

/** @type {Promise<void> | null} */
let styled = null;

/** Before a view is painted for the first time. */
function style() {
  styled ??= new Promise((resolve, reject) => {
    const onerror = () => { styled = null; reject(new Error(STYLE)); };
    document.head.append(element("link", { rel: "stylesheet", href: STYLE, onload: () => resolve(), onerror }));
  });
  return styled;
}
