// Menus are popovers: the browser opens them, closes them by Esc and by a click elsewhere, and gives the focus back.
// Left for us: hang them below their button where CSS anchors are unknown, and close one when it has acted.
function place(panel, button) {
  const box = button.getBoundingClientRect();
  const below = box.bottom + panel.offsetHeight + 8 < innerHeight;
  panel.style.position = "fixed";
  panel.style.margin = "0";
  panel.style.inset = "auto";
  panel.style.top = `${below ? box.bottom + 4 : Math.max(4, box.top - panel.offsetHeight - 4)}px`;
  panel.style.left = `${Math.max(4, Math.min(box.right - panel.offsetWidth, innerWidth - panel.offsetWidth - 4))}px`;
}

export function placeMenus() {
  if (!CSS.supports("position-area", "bottom")) {
    document.addEventListener("toggle", (event) => {
      const panel = event.target;
      if (event.newState !== "open" || !panel.matches?.(".menu-panel")) return;
      const button = document.querySelector(`[popovertarget="${CSS.escape(panel.id)}"]`);
      if (button) place(panel, button);
    }, true);
  }
  document.addEventListener("htmx:beforeRequest", (event) => {
    // The outermost first: it takes those within along.
    if (event.target.closest?.("[popover]")) document.querySelector(":popover-open")?.hidePopover();
  });
}
