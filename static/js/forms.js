// A second click sends nothing twice, and the focus goes where the reader has to look.
// The server refuses a double submit by itself; this only saves people the wondering.
function release(part) {
  delete part.dataset.sent;
  for (const sent of part.querySelectorAll("[data-sent]")) delete sent.dataset.sent;
}

export function watchForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.submitter?.hasAttribute("formtarget")) return; // it answers in a frame, and this page stays as it is
    if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
    if (form.dataset.sent !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "";
    if (event.submitter) event.submitter.dataset.sent = "";
    // A download leaves the page standing, and a lost connection may be tried again.
    setTimeout(() => release(form), 8000);
  });
  // Back from the next page: the form must work again.
  addEventListener("pageshow", () => release(document.body));
  document.addEventListener("htmx:afterRequest", (event) => {
    release(event.detail.elt);
  });
}

export function focusWhatMatters(part) {
  const target = part.matches?.("[data-focus], [autofocus]") ? part : part.querySelector("[data-focus], [autofocus]:not([popover] *)");
  if (!target) return;
  if (target.tabIndex < 0 && !target.hasAttribute("tabindex")) target.tabIndex = -1;
  target.focus();
}
