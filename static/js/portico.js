// Everything here makes working pages nicer; no page needs it.
// Each module gets the part of the page that is new: the document at first, later what htmx swapped in.
import { prepareAnswers } from "./answers.js";
import { prepareChoices } from "./choices.js";
import { watchCopying } from "./copy.js";
import { tellEarlyChanges } from "./early.js";
import { focusWhatMatters, watchForms } from "./forms.js";
import { placeMenus } from "./menus.js";
import { watchErrors } from "./messages.js";
import { prepareTables, watchTables } from "./tables.js";
import { prepareTabs, showChosenLink } from "./tabs.js";
import { watchThemeSwitch } from "./themes.js";
import { localiseTimes } from "./times.js";

function prepare(part) {
  localiseTimes(part);
  prepareTabs(part);
  showChosenLink(part);
  prepareTables(part);
  prepareChoices(part);
  prepareAnswers(part);
  for (const button of part.querySelectorAll("[data-copy], [data-show], [data-show-password], [data-theme-switch]")) button.hidden = false;
}

prepare(document);
watchCopying();
watchForms();
watchTables();
watchErrors();
watchThemeSwitch();
placeMenus();
focusWhatMatters(document);
tellEarlyChanges();

document.addEventListener("htmx:afterSettle", (event) => {
  // An outerHTML swap reports the new element; its children alone would miss its own attributes.
  const part = event.detail.elt?.parentElement ?? document;
  prepare(part);
  if (event.detail.elt) focusWhatMatters(event.detail.elt);
});
