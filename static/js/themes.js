// The switch between light, dark and the system's choice; theme.js puts the choice into effect on the next page.
function mark(group, chosen) {
  for (const button of group.querySelectorAll("[data-theme]")) button.setAttribute("aria-pressed", String(button.dataset.theme === chosen));
}

function take(chosen) {
  const root = document.documentElement;
  if (chosen === "system") delete root.dataset.bsTheme;
  else root.dataset.bsTheme = chosen;
  try {
    if (chosen === "system") localStorage.removeItem("portico-theme");
    else localStorage.setItem("portico-theme", chosen);
  } catch {
    // Not remembered, but in effect on this page.
  }
}

export function watchThemeSwitch() {
  for (const group of document.querySelectorAll("[data-theme-switch]")) {
    mark(group, document.documentElement.dataset.bsTheme ?? "system");
    group.addEventListener("click", (event) => {
      const chosen = event.target.closest("[data-theme]")?.dataset.theme;
      if (!chosen) return;
      take(chosen);
      mark(group, chosen);
    });
  }
}
