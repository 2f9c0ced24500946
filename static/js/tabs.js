// Code samples stand one below the other; here they become tabs with the arrow keys that tabs have.
function choose(tabs, panels, chosen) {
  tabs.forEach((tab, index) => {
    const isChosen = index === chosen;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    panels[index].hidden = !isChosen;
  });
}

function build(group) {
  const panels = [...group.querySelectorAll(":scope > [data-tab]")];
  const list = document.createElement("div");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", group.dataset.tabs);
  const tabs = panels.map((panel, index) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `${panel.id}-tab`;
    tab.textContent = panel.dataset.tab;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => choose(tabs, panels, index));
    return tab;
  });
  list.append(...tabs);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
    choose(tabs, panels, next);
    tabs[next].focus();
  });
  group.prepend(list);
  group.dataset.ready = "";
  choose(tabs, panels, 0);
}

export function prepareTabs(part) {
  for (const group of part.querySelectorAll("[data-tabs]:not([data-ready])")) build(group);
}

// Of a row of links that is wider than the screen, the one that is chosen is in sight.
export function showChosenLink(part) {
  for (const link of part.querySelectorAll(".link-tabs [aria-current]")) {
    const row = link.closest(".link-tabs");
    const beyond = link.getBoundingClientRect().right - row.getBoundingClientRect().right;
    if (beyond > 0) row.scrollLeft += beyond;
  }
}
