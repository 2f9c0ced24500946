// Fields of a request form that are only asked for some answers to another: hidden while they are not. What was typed
// stays in them, and the server leaves out what does not apply. Without a script they are all there, with a note.
function answerTo(form, name) {
  const controls = form.querySelectorAll(`[name="${CSS.escape(name)}"]`);
  for (const control of controls) {
    if (control.closest("[data-shown-by]")?.hidden) continue; // not asked, so not answered
    if (control.type !== "radio" || control.checked) return control.value;
  }
  return "";
}

function update(form) {
  // In the order of the page: a condition only ever asks for a field above.
  for (const field of form.querySelectorAll("[data-shown-by]")) {
    field.hidden = !field.dataset.shownFor.split("\n").includes(answerTo(form, field.dataset.shownBy));
  }
}

export function prepareAnswers(part) {
  const conditional = part.querySelector("[data-shown-by]");
  const form = conditional?.closest("form, [data-answers]");
  if (!form) return;
  update(form); // also when a part of it has just come: its questions do not know yet whether they are asked
  if (form.dataset.answersReady !== undefined) return;
  form.dataset.answersReady = "";
  form.addEventListener("change", () => update(form));
}
