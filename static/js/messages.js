// When a request by htmx fails, the page stays as it is and says why.
const causes = {
  401: ["You have been signed out.", "Sign in again in another tab, then repeat this here."],
  403: ["You are not allowed to do this.", "If you think you should be, ask an administrator."],
  404: ["This is no longer here.", "Somebody may have removed it. Reload the page to see what is."],
  409: ["Somebody else was faster.", "Reload the page to see what changed."],
  413: ["That is too large.", "Choose a smaller file."],
  429: ["Too many attempts.", "Wait a minute, then try again."],
};

// The server's own sentence, when its error page has one.
function saidBy(answer) {
  const said = new DOMParser().parseFromString(answer, "text/html").querySelector("[data-error-text]");
  return said?.textContent.trim();
}

function show(title, text) {
  const note = document.createElement("div");
  note.className = "toast-note";
  const words = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = title;
  words.append(strong, `${text} Nothing you typed is lost.`);
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn btn-quiet btn-sm";
  close.textContent = "Close";
  close.addEventListener("click", () => note.remove());
  note.append(words, close);
  document.getElementById("toasts").replaceChildren(note);
}

export function watchErrors() {
  document.addEventListener("htmx:responseError", (event) => {
    const answer = event.detail.xhr;
    // After a long rest the page's token no longer fits: with a fresh one the same button works again.
    const token = answer.getResponseHeader("X-CSRF-Token");
    if (token) for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = token;
    const [title, text] = causes[answer.status] ?? ["Something went wrong on our side.", "Please try again in a moment."];
    show(title, saidBy(answer.responseText) ?? text);
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, () => show("The portal can’t be reached.", "Check your connection, then try again."));
  }
  document.addEventListener("htmx:beforeRequest", () => document.getElementById("toasts").replaceChildren());
}
