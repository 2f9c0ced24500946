// Tables in which many rows are chosen at once: select all, and how many are chosen.
function update(bulk) {
  const boxes = [...bulk.querySelectorAll("[data-select]")];
  const chosen = boxes.filter((box) => box.checked).length;
  for (const words of bulk.querySelectorAll("[data-selected-count]")) words.textContent = `${chosen} selected`;
  for (const all of bulk.querySelectorAll("[data-select-all]")) {
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
}

export function prepareTables(part) {
  for (const all of part.querySelectorAll("[data-select-all]")) all.hidden = false;
  for (const bulk of part.querySelectorAll("[data-bulk]")) update(bulk);
}

export function watchTables() {
  document.addEventListener("change", (event) => {
    const bulk = event.target.closest?.("[data-bulk]");
    if (!bulk) return;
    if (event.target.matches("[data-select-all]")) {
      for (const box of bulk.querySelectorAll("[data-select]:not(:disabled)")) box.checked = event.target.checked;
    }
    update(bulk);
  });
}
