/** Moments and spans as people say them, with the exact moment to be read on demand. */
import { html } from "hono/html";
import type { Html } from "./layout.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SAID = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const SHORT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "medium", timeZone: "UTC" });

/** "just now", "5 minutes ago", "yesterday"; a month back and more: the day. Clocks that differ make nothing lie in the future. */
export function ago(at: string, nowMs = Date.now()): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1000));
  if (seconds < 45) return "just now";
  if (seconds < HOUR) return SAID.format(-Math.max(1, Math.round(seconds / MINUTE)), "minute");
  if (seconds < DAY) return SAID.format(-Math.round(seconds / HOUR), "hour");
  return seconds < 30 * DAY ? SAID.format(-Math.floor(seconds / DAY), "day") : SHORT.format(new Date(at));
}

export function exact(at: string): string {
  return `${EXACT.format(new Date(at))} UTC`;
}

export function time(at: string | null): Html {
  return at === null ? html`` : html`<time datetime="${at}" title="${exact(at)}">${ago(at)}</time>`;
}

/** How long something took, or has taken so far; nothing for what has not begun. */
export function took(from: string | null, to: string | null, nowMs = Date.now()): string {
  if (from === null) return "";
  const seconds = Math.max(0, Math.round(((to === null ? nowMs : Date.parse(to)) - Date.parse(from)) / 1000));
  if (seconds < MINUTE) return `${seconds} s`;
  return seconds < HOUR
    ? `${Math.floor(seconds / MINUTE)} min ${seconds % MINUTE} s`
    : `${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / MINUTE)} min`;
}
