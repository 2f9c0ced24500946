// Copy an element's text; show a masked secret; show a password while it is typed.
async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const word = button.querySelector("[data-copy-word]") ?? button;
  try {
    await navigator.clipboard.writeText(source.textContent);
    word.textContent = "Copied";
    button.dataset.copied = "";
  } catch {
    // No permission, or no TLS: the text is selected, and the keyboard does the rest.
    getSelection().selectAllChildren(source);
    word.textContent = "Press Ctrl+C";
  }
  setTimeout(() => {
    word.textContent = "Copy";
    delete button.dataset.copied;
  }, 2500);
}

function toggleSecret(button) {
  const shown = document.querySelector(button.dataset.show).toggleAttribute("data-shown");
  button.setAttribute("aria-pressed", String(shown));
}

function togglePassword(button) {
  const input = document.querySelector(button.dataset.showPassword);
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

export function watchCopying() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy], [data-show], [data-show-password]");
    if (!button) return;
    if ("copy" in button.dataset) copy(button);
    else if ("show" in button.dataset) toggleSecret(button);
    else togglePassword(button);
  });
}
