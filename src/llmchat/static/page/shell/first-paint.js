// Before anything is painted, and so no module: whoever chose a theme or closed the sidebar never sees
// the other one flash by.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("llmchat.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    if (localStorage.getItem("llmchat.sidebar") === "closed") root.dataset.sidebar = "closed";
  } catch { /* No storage: the system's theme, and the sidebar open. */ }
})();
