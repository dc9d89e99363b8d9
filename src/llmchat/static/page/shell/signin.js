/**
 * A locked service asks for a key, once: it becomes a cookie that no script can read, and is kept nowhere
 * here. When that session ends in the middle of something, all stays as it is behind the question.
 */

import { element, icon } from "../dom.js";
import { openDialog, toastProblem } from "./dialogs.js";
import { ICONS } from "./icons.js";
import { onTabs, tellTabs } from "./tabs.js";

/** @typedef {import("../types").Me} Me */

/** @type {Me | null} */
let me = null;
/** @type {HTMLDialogElement | null} */
let asking = null;

/** @param {import("../types").App} app */
export function showSignIn(app) {
  const { api, events } = app;

  async function look() {
    const found = await api.get("/api/me").catch(() => null);
    if (found) welcome(found);
  }

  /** @param {Me} found */
  function welcome(found) {
    const before = me;
    me = found;
    if (before && before.user !== found.user) return leave();
    events.tell("me", found);
    if (!asking) return;
    asking.close();
    asking = null;
    events.tell("signed-in", null);
  }

  let isChecking = false;
  async function refused() {
    if (asking || isChecking) return;
    isChecking = true;
    // What was refused may have been asked before somebody signed in.
    const found = me && (await api.get("/api/me").catch(() => null));
    isChecking = false;
    if (found) return events.tell("signed-in", null);
    asking = ask(app, welcome);
  }

  events.on("signed-out", () => void refused());
  onTabs(({ kind }) => {
    if (kind === "signed-in" && asking) void look();
    if (kind === "signed-out") leave();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && asking) void look(); });
  void look();
}

/** @param {import("../types").App} app */
export async function signOut({ api }) {
  try {
    await api.delete("/api/session");
  } catch (error) {
    return toastProblem(error);
  }
  tellTabs({ kind: "signed-out" });
  leave();
}

/**
 * Nothing of the one who was here stays: not in memory, and not in the storage, which first-paint.js
 * clears when this page, which keeps drafts to the last, is gone.
 */
function leave() {
  try {
    sessionStorage.setItem("llmchat.left", "yes");
  } catch { /* Then nothing was kept. */ }
  history.replaceState(null, "", "#/");
  location.reload();
}

/**
 * @param {import("../types").App} app
 * @param {(me: Me) => void} welcome
 */
function ask({ api }, welcome) {
  const problem = element("p", { id: "sign-in-problem", class: "problem", role: "alert" });
  const key = element("input", { id: "key", type: "password", name: "password", autocomplete: "current-password", required: true, maxLength: 512, spellcheck: false, "aria-describedby": "sign-in-problem" });
  const submit = element("button", { type: "submit", class: "button main" }, "Sign in");
  const show = element("button", { type: "button", class: "button plain small", ariaPressed: "false", onclick: () => {
    const hidden = key.type === "password";
    key.type = hidden ? "text" : "password";
    show.ariaPressed = String(hidden);
  } }, "Show");
  const form = element("form", { class: "sign-in", method: "dialog" },
    // A password manager keeps a key under a name.
    element("input", { type: "text", name: "username", autocomplete: "username", value: "llmchat", hidden: true, readOnly: true }),
    element("p", {}, me
      ? "Your session has ended. Sign in again: what you wrote is still here, and what was being answered goes on."
      : "This server asks for a key. Whoever runs it makes one with "),
    element("label", { class: "field" }, element("span", {}, "API key"), element("span", { class: "field-row" }, key, show)),
    problem,
    element("div", { class: "dialog-actions" }, submit));
  if (!me) form.querySelector("p")?.append(element("code", {}, "llmchat keys create"), ".");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    problem.textContent = "";
    try {
      const found = await api.post("/api/session", { key: key.value.trim() });
      key.value = "";
      tellTabs({ kind: "signed-in" });
      welcome(found);
    } catch (error) {
      problem.textContent = sayWhy(/** @type {import("../api.js").Problem} */ (error));
      key.focus();
      key.select();
    } finally {
      submit.disabled = false;
    }
  });
  const dialog = openDialog("Sign in", [form], { kind: "small sign-in-dialog", closable: false });
  dialog.querySelector("h2")?.prepend(icon(ICONS.key));
  key.focus();
  return dialog;
}

/** @param {import("../api.js").Problem} problem */
function sayWhy({ status, message, detail, retryAfter }) {
  if (status === 401) return "This key is not known here, or no longer.";
  if (status === 429 && retryAfter) return `Too many attempts. Try again in ${Math.ceil(retryAfter)} seconds.`;
  if (status === 0) return "The server cannot be reached. Try again in a moment.";
  return [message, detail].filter(Boolean).join(". ");
}
