/** How values are written for people. */
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });
const localDay = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const localMoment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
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

/** An amount of money, always with two digits after the point. */
export function formatAmount(value: number): string {
  return amount.format(value);
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
