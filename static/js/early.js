// Who chose something before the scripts were there (a slow network, a busy machine), or whose browser put back what
// was chosen before, was heard by nobody: once htmx listens, each such change is told again.
function isChanged(control) {
  if (control.type === "checkbox" || control.type === "radio") return control.checked !== control.defaultChecked;
  if (control.type === "select-one") {
    const chosen = [...control.options].findLastIndex((option) => option.defaultSelected);
    return control.selectedIndex !== Math.max(chosen, 0) && control.selectedIndex >= 0;
  }
  return control.value !== control.defaultValue;
}

export function tellEarlyChanges() {
  // htmx begins to listen at this event too, and was there first.
  document.addEventListener("DOMContentLoaded", () => {
    const controls = document.querySelectorAll("main :is(select:not([multiple]), textarea, input:not([type=hidden], [type=file]))");
    for (const control of controls) {
      if (isChanged(control)) control.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }, { once: true });
}
