// A group of operations was put in the place of another: mark it in the list, which stays where it was scrolled to.
document.addEventListener("htmx:afterSettle", () => {
  const here = new URL(window.location.href).searchParams.get("group") ?? "1";
  for (const link of document.querySelectorAll(".docs-groups a")) {
    const group = new URL(link.href).searchParams.get("group");
    if (group === here) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
});
