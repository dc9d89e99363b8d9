/** Code with its language, a button that copies it, and colours when there is time for them. */

import { element } from "../dom.js";
import { copy } from "./copying.js";
import { sanitized } from "./sanitize.js";

const LANGUAGES = new Set(
  `bash c cpp csharp css diff dockerfile go graphql ini java javascript json kotlin less lua makefile markdown nginx
   objectivec perl php plaintext powershell python r ruby rust scss shell sql swift typescript vbnet wasm xml yaml`.split(/\s+/),
);
/** @type {Record<string, string>} */
const ALIASES = {
  "c#": "csharp", "c++": "cpp", cjs: "javascript", console: "shell", cs: "csharp", docker: "dockerfile", golang: "go",
  h: "c", hpp: "cpp", html: "xml", js: "javascript", jsonc: "json", jsx: "javascript", kt: "kotlin", make: "makefile",
  md: "markdown", mjs: "javascript", patch: "diff", ps1: "powershell", py: "python", rb: "ruby", rs: "rust", sh: "bash",
  svg: "xml", toml: "ini", ts: "typescript", tsx: "typescript", yml: "yaml", zsh: "bash",
};
const MOST_CHARS = 60_000;

/** @type {Map<string, Promise<typeof import("../vendor/highlight/core.min.js").default | null>>} */
const loaded = new Map();

/**
 * @param {string} text
 * @param {string} info What stands behind the fence.
 * @returns {HTMLElement}
 */
export function codeBlock(text, info) {
  const name = info.trim().split(/[\s{,]/)[0].toLowerCase().slice(0, 40);
  const code = element("code", {}, text);
  const button = element("button", { type: "button", class: "copy" }, "Copy");
  button.onclick = async () => {
    button.textContent = (await copy(code.textContent ?? "")) ? "Copied" : "Select it and copy";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  };
  const head = element("div", { class: "head" }, element("span", {}, name || "text"), button);
  const shown = element("pre", { dir: "ltr", tabIndex: 0 }, code);
  shown.setAttribute("aria-label", "Code");
  shown.setAttribute("role", "group"); // Not a landmark: there may be many.
  return element("div", { class: "code", data: { language: ALIASES[name] ?? name } }, head, shown);
}

/** Each block when it is near to be seen. */
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      idle(() => colour(/** @type {HTMLElement} */ (target)));
    }
  },
  { rootMargin: "600px" },
);
const idle = window.requestIdleCallback ?? ((/** @type {() => void} */ work) => setTimeout(work, 50));

/** @param {HTMLElement} block Whole: nothing more is added to it. */
export function colourSoon(block) {
  const language = block.dataset.language ?? "";
  const length = block.querySelector("code")?.textContent?.length ?? 0;
  if (LANGUAGES.has(language) && language !== "plaintext" && length <= MOST_CHARS) near.observe(block);
}

/** @param {HTMLElement} block */
async function colour(block) {
  const language = block.dataset.language ?? "";
  const code = block.querySelector("code");
  const highlighter = await load(language);
  if (!code || !highlighter) return;
  const text = code.textContent ?? "";
  const coloured = sanitized(highlighter.highlight(text, { language, ignoreIllegals: true }).value);
  // Colours are a nicety; the text is not.
  if (coloured.textContent === text) code.replaceChildren(coloured);
}

/** @param {string} language */
function load(language) {
  const known = loaded.get(language);
  if (known) return known;
  const loading = Promise.all([
    import("../vendor/highlight/core.min.js"),
    import(`../vendor/highlight/languages/${language}.min.js`),
  ]).then(
    ([{ default: highlighter }, { default: rules }]) => {
      highlighter.registerLanguage(language, rules);
      return highlighter;
    },
    () => {
      loaded.delete(language); // The server is away: the next block tries again.
      return null;
    },
  );
  loaded.set(language, loading);
  return loading;
}
