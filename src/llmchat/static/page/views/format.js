/** Numbers, money and times as people read them. */

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat("en", { style: "currency", currency: "USD" });
const small = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumSignificantDigits: 2 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const fullDay = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** 1.2M. @param {number} number */
export const brief = (number) => short.format(number);

/** 1,234,567. @param {number} number */
export const count = (number) => whole.format(number);

/** US dollars; of less than a cent the first two digits. @param {number | null} usd */
export function money(usd) {
  if (usd === null) return "–";
  if (usd === 0) return "$0";
  return Math.abs(usd) < 0.01 ? small.format(usd) : cents.format(usd);
}

/** Where a part of it was counted here, and not reported, that is said. @param {{ estimated: boolean }} sums @param {string} text */
export const marked = ({ estimated }, text) => (estimated && text !== "–" ? `≈ ${text}` : text);

/** @param {number} share */
export const percent = (share) => `${short.format(share * 100)} %`;

/** How long that is: 42 s, 5 min, 2 h 5 min, 3 days. @param {number} seconds */
export function span(seconds) {
  const sure = Math.max(0, seconds);
  if (sure < 60) return `${Math.floor(sure)} s`;
  const minutes = Math.floor(sure / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 && hours < 10 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

/**
 * 5 min ago; what was more than a month ago is a date.
 *
 * @param {string | null} time
 * @param {number} [now] Milliseconds since the epoch.
 */
export function ago(time, now = Date.now()) {
  if (time === null) return "never";
  const seconds = (now - Date.parse(time)) / 1000;
  if (seconds > 30 * 24 * 3600) return dayName(time.slice(0, 10));
  return seconds < 60 ? "just now" : `${span(seconds)} ago`;
}

/** 21 Nov. @param {string} date */
export const dayName = (date) => day.format(Date.parse(date));

/** Sat, 21 Nov 2026. @param {string} date */
export const fullDayName = (date) => fullDay.format(Date.parse(date));

/** Nov 2026. @param {string} date */
export const monthName = (date) => month.format(Date.parse(date));

/** In the reader's own time zone. @param {string} time */
export const momentName = (time) => moment.format(Date.parse(time));
