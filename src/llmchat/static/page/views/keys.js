/** API keys: which there are, a new one, whose secret is shown once, and the end of one. */

import { copy } from "../chat/copying.js";
import { element } from "../dom.js";
import { confirmed, openDialog, toast, toastProblem } from "../shell/dialogs.js";
import { ago, brief, dayName, money } from "./format.js";
import { badge, field, fill, part, problem, table } from "./parts.js";

/**
 * @typedef {object} Key
 * @property {string} id
 * @property {string} user
 * @property {string} name
 * @property {string[]} scopes
 * @property {string} created_at
 * @property {string | null} expires_at
 * @property {string | null} last_used_at
 * @property {string | null} revoked_at
 * @property {number | null} tokens_per_day
 * @property {number | null} tokens_per_month
 * @property {number | null} usd_per_day
 * @property {number | null} usd_per_month
 */

const USER = "[0-9A-Za-z][0-9A-Za-z._@+\\-]{0,127}";
const SCOPES = /** @type {const} */ ([
  ["chat", "Chat", "sees and changes what is the user’s"],
  ["read", "Read only", "sees what is the user’s, and changes nothing"],
  ["admin", "Admin", "all of that, and what you do here"],
]);
const COLUMNS = [
  { name: "Name" }, { name: "User" }, { name: "Scopes", minor: true }, { name: "Last used" },
  { name: "May use up", minor: true }, { name: "State", minor: true }, { name: "Revoke", unseen: true },
];

/** @param {import("../types").App} app @param {AbortSignal} left */
export function showKeys(app, left) {
  const place = element("div", {});
  const old = element("input", { type: "checkbox", onchange: () => void show() });

  const show = () => fill(place, left, async () => {
    /** @type {{ items: Key[] }} */
    const { items } = await app.api.get("/api/keys", { signal: left });
    const keys = items.filter((key) => old.checked || isGood(key)).reverse();
    if (!keys.length) return [element("p", { class: "nothing-here" }, items.length ? "No key is good any more." : "There are no keys yet. Without any, the service is open to whoever reaches it.")];
    return [table("API keys", COLUMNS, keys.map((key) => row(key, revoke)), { cards: true })];
  });

  /** @param {Key} key */
  async function revoke({ id, name, user }) {
    const text = `Whatever uses “${name}” of ${user} is refused from now on, and a stream of it ends. This cannot be taken back.`;
    if (!(await confirmed({ title: "Revoke this key?", text, action: "Revoke", dangerous: true }))) return;
    try {
      await app.api.delete(`/api/keys/${id}`);
      toast(`“${name}” opens nothing any more.`);
    } catch (error) {
      toastProblem(error);
    }
    await show();
  }

  void show();
  return part("API keys",
    element("div", { class: "actions" },
      element("button", { type: "button", class: "button main small", ariaHasPopup: "dialog", onclick: () => create(app, () => void show()) }, "New key"),
      element("label", { class: "check" }, old, "Show those that are revoked or have expired")),
    place);
}

/** @param {Key} key */
function isGood({ revoked_at, expires_at }) {
  return !revoked_at && (!expires_at || Date.parse(expires_at) > Date.now());
}

/** @param {Key} key @param {(key: Key) => unknown} revoke */
function row(key, revoke) {
  const { id, name, user, scopes, last_used_at, revoked_at, expires_at } = key;
  const good = isGood(key);
  const until = expires_at ? `until ${dayName(expires_at.slice(0, 10))}` : "";
  return [
    element("span", { class: good ? "" : "off" }, name, element("span", { class: "under" }, id)),
    user, scopes.join(", "), ago(last_used_at), limits(key),
    element("span", {}, good ? badge("Good", "good") : badge(revoked_at ? "Revoked" : "Expired", "quiet"), good && until && element("span", { class: "under" }, until)),
    good && element("button", { type: "button", class: "button small", ariaLabel: `Revoke ${name} of ${user}`, onclick: () => revoke(key) }, "Revoke"),
  ];
}

/** @param {Key} key */
function limits({ tokens_per_day, tokens_per_month, usd_per_day, usd_per_month }) {
  const said = [
    tokens_per_day !== null && `${brief(tokens_per_day)} tokens a day`, tokens_per_month !== null && `${brief(tokens_per_month)} tokens a month`,
    usd_per_day !== null && `${money(usd_per_day)} a day`, usd_per_month !== null && `${money(usd_per_month)} a month`,
  ].filter(Boolean);
  return said.length ? said.join(", ") : "any amount";
}

/** @param {import("../types").App} app @param {() => void} made */
function create({ api }, made) {
  const name = element("input", { type: "text", required: true, maxLength: 512, autocomplete: "off", placeholder: "Ann’s laptop" });
  const user = element("input", { type: "text", pattern: USER, maxLength: 128, autocomplete: "off", spellcheck: false, placeholder: "You" });
  const scope = element("select", {}, ...SCOPES.map(([value, label, about]) => element("option", { value }, `${label}: ${about}`)));
  const days = element("input", { type: "number", min: "1", max: "3650", inputMode: "numeric", placeholder: "Until it is revoked" });
  const tokens = element("input", { type: "number", min: "1", max: "1000000000000", inputMode: "numeric", placeholder: "Any amount" });
  const usd = element("input", { type: "number", min: "0.000001", max: "1000000", step: "any", inputMode: "decimal", placeholder: "Any amount" });
  const wrong = element("div", {});
  const submit = element("button", { type: "submit", class: "button main" }, "Make the key");
  const form = element("form", { method: "dialog" },
    field("Name", name, "For people: what it is used for."),
    field("User", user, "Whose conversations it opens. Left empty, it is a key of yours."),
    field("What it may do", scope),
    element("div", { class: "grid" }, field("Good for so many days", days), field("Tokens a month", tokens), field("US dollars a month", usd)),
    wrong,
    element("div", { class: "dialog-actions" }, element("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"), submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    const number = (/** @type {HTMLInputElement} */ input) => (input.value ? Number(input.value) : null);
    try {
      const body = { name: name.value.trim(), user: user.value.trim() || null, scopes: [scope.value], expires_in_days: number(days), tokens_per_month: number(tokens), usd_per_month: number(usd) };
      const key = await api.post("/api/keys", body);
      dialog.close();
      showSecret(key.name, key.secret);
      made();
    } catch (error) {
      wrong.replaceChildren(problem(error));
    } finally {
      submit.disabled = false;
    }
  });
  const dialog = openDialog("A new key", [form], { kind: "wide" });
  name.focus();
}

/** It is nowhere but in this dialog. @param {string} name @param {string} secret */
function showSecret(name, secret) {
  const shown = element("input", { type: "text", readOnly: true, value: secret, ariaLabel: "The secret", spellcheck: false, autocomplete: "off", onfocus: () => shown.select() });
  const take = async () => { if (await copy(secret)) toast("Copied."); else shown.select(); };
  const dialog = openDialog(`The secret of “${name}”`, [
    element("p", {}, "It is shown this once, and not kept: copy it now, and give it to whoever is to use it."),
    element("div", { class: "secret" }, shown, element("button", { type: "button", class: "button", onclick: () => void take() }, "Copy")),
    element("div", { class: "dialog-actions" }, element("button", { type: "button", class: "button main", onclick: () => dialog.close() }, "I have it")),
  ], { kind: "small", closable: false });
  shown.focus();
}
