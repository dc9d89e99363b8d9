/** What is being written at this moment, for everybody, and a way to stop it. */

import { element } from "../dom.js";
import { confirmed, toast, toastProblem } from "../shell/dialogs.js";
import { ago, count, span } from "./format.js";
import { badge, fill, part, table } from "./parts.js";

/**
 * @typedef {object} Live
 * @property {string} id
 * @property {string} user
 * @property {string} owner
 * @property {string} model
 * @property {"queued" | "streaming"} status
 * @property {number} attempt
 * @property {string} created_at
 * @property {string | null} started_at
 * @property {number | null} output_tokens
 * @property {string | null} process
 * @property {boolean} here
 * @property {boolean} stop_requested
 */

const LOOK_SECONDS = 3;
const COLUMNS = [
  { name: "Model" }, { name: "User" }, { name: "Age", number: true }, { name: "Tokens so far", number: true },
  { name: "State", minor: true }, { name: "Process", minor: true }, { name: "Stop", unseen: true },
];

/** @param {import("../types").App} app @param {AbortSignal} left */
export function showLive({ api }, left) {
  const place = element("div", { "aria-live": "off" });

  async function look() {
    /** @type {{ items: Live[] }} */
    const { items } = await api.get("/api/admin/generations", { signal: left });
    if (!items.length) return [element("p", { class: "nothing-here" }, "Nothing is being written now.")];
    return [table("Being written now", COLUMNS, items.map((live) => row(live, stop)), { cards: true })];
  }
  const show = () => keepingFocus(place, () => fill(place, left, look));

  /** @param {Live} live */
  async function stop({ id, user, model }) {
    const text = `What ${model} has written so far stays. ${user} sees that it was stopped, and the audit has your name.`;
    if (!(await confirmed({ title: `Stop the answer for ${user}?`, text, action: "Stop it", dangerous: true }))) return;
    try {
      await api.post(`/api/admin/generations/${id}/stop`);
      toast("Stopped.");
    } catch (error) {
      toastProblem(error);
    }
    await show();
  }

  void show();
  const timer = setInterval(() => { if (!document.hidden && !document.querySelector("dialog[open]")) void show(); }, LOOK_SECONDS * 1000);
  left.addEventListener("abort", () => clearInterval(timer));
  return part("Being written now", place);
}

/** @param {Live} live @param {(live: Live) => unknown} stop */
function row(live, stop) {
  const { id, model, user, owner, created_at, started_at, output_tokens, process, here, status, attempt, stop_requested } = live;
  const state = stop_requested ? badge("Is to stop", "warn") : status === "queued" ? badge("Waits", "quiet") : badge("Writes", "good");
  return [
    model,
    element("span", {}, user, owner !== user && element("span", { class: "under" }, `in ${owner}’s conversation`)),
    element("time", { dateTime: created_at, title: created_at }, span((Date.now() - Date.parse(started_at ?? created_at)) / 1000)),
    output_tokens === null ? "–" : count(output_tokens),
    element("span", {}, state, attempt > 1 && element("span", { class: "under" }, `attempt ${attempt}`)),
    process ? element("span", { title: process }, here ? "this one" : `…${process.slice(-6)}`) : "none yet",
    element("button", { type: "button", class: "button small", ariaLabel: `Stop the answer for ${user} by ${model}, begun ${ago(created_at)}`, data: { id }, onclick: () => stop(live) }, "Stop"),
  ];
}

/** What is drawn anew every few seconds takes the focus from nobody. @param {HTMLElement} place @param {() => Promise<void>} work */
async function keepingFocus(place, work) {
  const focused = document.activeElement;
  const id = focused instanceof HTMLElement && place.contains(focused) ? focused.dataset.id : undefined;
  await work();
  if (id && document.activeElement === document.body) {
    const again = [...place.querySelectorAll("button")].find((button) => button.dataset.id === id);
    (again ?? place.querySelector(".table") ?? place).focus({ preventScroll: true });
  }
}
