// A long list of boxes to tick: searched as one types, and counted. Without a script it scrolls.
function update(tools, list) {
  const words = tools.querySelector("input").value.trim().toLocaleLowerCase();
  const entries = [...list.querySelectorAll(".form-check")];
  let shown = 0;
  for (const entry of entries) {
    entry.hidden = words !== "" && !entry.textContent.toLocaleLowerCase().includes(words);
    if (!entry.hidden) shown += 1;
  }
  const chosen = entries.filter((entry) => entry.querySelector("input").checked).length;
  tools.querySelector("[role=status]").textContent = `${chosen} of ${entries.length} chosen${words ? `, ${shown} shown` : ""}`;
}

export function prepareChoices(part) {
  for (const tools of part.querySelectorAll("[data-choices]")) {
    const list = document.querySelector(tools.dataset.choices);
    const field = tools.querySelector("input");
    field.parentElement.hidden = false;
    field.addEventListener("input", () => update(tools, list));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault(); // it searches, and does not save the form
    });
    list.addEventListener("change", () => update(tools, list));
    update(tools, list);
  }
}
