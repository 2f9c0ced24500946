// The full reference of an API: Swagger UI as a reading room. It calls nothing but the page's own document: the portal's
// policy allows no other origin, so "Try it out" and the validator are off.
(() => {
  const place = document.getElementById("reference");
  const wait = document.getElementById("reference-wait");
  if (!place || !window.SwaggerUIBundle) {
    if (wait) wait.textContent = "The reference could not be loaded. The documentation lists every operation.";
    return;
  }

  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const chosen = root.dataset.bsTheme;
    root.classList.toggle("dark-mode", chosen ? chosen === "dark" : dark.matches);
  };
  paint();
  dark.addEventListener("change", paint);
  new MutationObserver(paint).observe(root, { attributes: true, attributeFilter: ["data-bs-theme"] });

  const nothing = () => null;
  const large = place.dataset.large === "yes";
  window.SwaggerUIBundle({
    url: place.dataset.url,
    domNode: place,
    presets: [window.SwaggerUIBundle.presets.apis],
    // No top bar, no buttons that would call somewhere else, and no title: the page has one.
    plugins: [() => ({ wrapComponents: { authorizeBtn: () => nothing, authorizeOperationBtn: () => nothing, info: () => nothing, ServersContainer: () => nothing, SchemesContainer: () => nothing } })],
    validatorUrl: null,
    supportedSubmitMethods: [],
    docExpansion: large ? "none" : "list",
    defaultModelsExpandDepth: large ? -1 : 0,
    defaultModelExpandDepth: 2,
    filter: true,
    deepLinking: false, // its links stand inside of buttons, which no screen reader can tell apart
    syntaxHighlight: { activated: !large, theme: "nord" },
    onComplete: () => {
      wait?.remove();
      for (const main of place.querySelectorAll("main")) main.setAttribute("role", "presentation"); // the page has one
    },
    onFailure: () => {
      if (wait) wait.textContent = "The reference could not be loaded. The documentation lists every operation.";
    },
  });
})();
