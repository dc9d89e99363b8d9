// Before anything is painted or kept, and so no module: whoever signed out leaves nothing behind, and
// whoever chose a theme or closed the sidebar never sees the other one flash by.
(() => {
  const LOOKS = ["llmchat.theme", "llmchat.sidebar", "llmchat.keys"];
  const root = document.documentElement;
  try {
    if (sessionStorage.getItem("llmchat.left")) {
      sessionStorage.clear();
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith("llmchat.") && !LOOKS.includes(key)) localStorage.removeItem(key);
      }
    }
    const theme = localStorage.getItem("llmchat.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    if (localStorage.getItem("llmchat.sidebar") === "closed") root.dataset.sidebar = "closed";
  } catch { /* No storage: the system's theme, and the sidebar open. */ }
})();
