// A second click sends nothing twice, and the focus goes where the reader has to look.
// The server refuses a double submit by itself; this only saves people the wondering.
export function watchForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "get") return;
    if (form.dataset.sent !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "";
    if (event.submitter) event.submitter.dataset.sent = "";
  });
  // Back from the next page: the form must work again.
  addEventListener("pageshow", () => {
    for (const sent of document.querySelectorAll("[data-sent]")) delete sent.dataset.sent;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    delete form.dataset.sent;
    for (const sent of form.querySelectorAll("[data-sent]")) delete sent.dataset.sent;
  });
}

export function focusWhatMatters(part) {
  const target = part.matches?.("[data-focus], [autofocus]") ? part : part.querySelector("[data-focus], [autofocus]:not([popover] *)");
  if (!target) return;
  if (target.tabIndex < 0 && !target.hasAttribute("tabindex")) target.tabIndex = -1;
  target.focus();
}
