// Times come from the server in UTC; people read them in their own zone.
const absolute = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];

function inWords(moment) {
  const seconds = (moment - Date.now()) / 1000;
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return seconds <= 0 ? "just now" : "in a moment";
}

export function localiseTimes(part) {
  for (const time of part.querySelectorAll("time.time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    if ("relativeOnly" in time.dataset) {
      time.textContent = inWords(moment);
      continue;
    }
    const words = time.querySelector(".time-absolute");
    if (words) words.textContent = absolute.format(moment);
    const beside = time.querySelector(".time-relative");
    if (beside) beside.textContent = inWords(moment);
  }
}
