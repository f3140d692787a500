/** How values are written for people. */
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });
const localDay = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const localMoment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const timeOfDay = new Intl.DateTimeFormat("en", { timeStyle: "short", timeZone: "UTC" });
const amount = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

/** A calendar day such as `2026-11-21`, the same in every time zone. */
export function formatDay(value: string): string {
  return day.format(new Date(`${value}T00:00:00Z`));
}

/** The day of a moment, where the reader is. */
export function formatDayOf(value: string): string {
  return localDay.format(new Date(value));
}

export function formatMoment(value: string): string {
  return localMoment.format(new Date(value));
}

export function formatNumber(value: number): string {
  return number.format(value);
}

/** An amount of money, always with two digits after the point; `currency` is a code such as EUR. */
export function formatAmount(value: number, currency?: string): string {
  return currency === undefined ? amount.format(value) : new Intl.NumberFormat("en", { style: "currency", currency }).format(value);
}

/** `09:30` as the reader's clock shows it. */
export function formatTime(value: string): string {
  return timeOfDay.format(new Date(`1970-01-01T${value}:00Z`));
}

/** `4 of 5`. */
export function formatRating(value: number, max: number): string {
  return `${value} of ${max}`;
}

/** A web address without what every address has. */
export function formatUrl(value: string): string {
  return value.replace(/^https?:\/\/(www\.)?/, "").replace(/\/$/, "");
}

/** `1 post`, `1,204 posts`. */
export function formatCount(count: number, one: string, many: string): string {
  return `${number.format(count)} ${count === 1 ? one : many}`;
}

/** A moment as `<input type="datetime-local">` takes it: local time, to the minute. */
export function toLocalInput(value: string): string {
  const moment = new Date(value);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The day that it is where the reader is, as `<input type="date">` takes it. */
export function today(): string {
  return toLocalInput(new Date().toISOString()).slice(0, 10);
}
