// Runs in the head, before the first paint: the chosen theme, and the sign that scripts run.
// Without a choice nothing is set, and the style sheet follows the system by itself.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  let chosen = null;
  try {
    chosen = localStorage.getItem("portico-theme");
  } catch {
    // A browser that forbids storage follows the system.
  }
  if (chosen === "light" || chosen === "dark") root.dataset.bsTheme = chosen;
})();
