/** The few pictograms of the pages, drawn on a grid of 16. */
import { html, raw } from "hono/html";
import type { Html } from "./layout.ts";

const LINES = {
  arrow: "M3 8h9.5M9 4.5 12.5 8 9 11.5",
  branch:
    "M5 5.7v4.6M5 7.5c0 2 6 .5 6-2M3.4 4a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 0 0-3.2 0M3.4 12a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 0 0-3.2 0M9.4 4a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 0 0-3.2 0",
  check: "M3.5 8.5 6.5 11.5 12.5 4.5",
  clock: "M8 2.2a5.8 5.8 0 1 1 0 11.6A5.8 5.8 0 0 1 8 2.2M8 5v3.2l2.2 1.4",
  code: "M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5",
  comment: "M2.5 3.5h11v7.5H8l-3 2.5V11H2.5z",
  commit: "M1.5 8h4M10.5 8h4M5.5 8a2.5 2.5 0 1 0 5 0 2.5 2.5 0 0 0-5 0",
  cross: "M4.5 4.5 11.5 11.5M11.5 4.5 4.5 11.5",
  down: "M4.5 6.5 8 10 11.5 6.5",
  eyes: "M1.5 8c2.6-5.2 10.4-5.2 13 0-2.6 5.2-10.4 5.2-13 0M8 5.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4",
  file: "M4 1.8h5L12.5 5v9.2H4zM9 1.8V5h3.5",
  folder: "M1.8 12.8V3.5h4.4L7.8 5.3h6.4v7.5z",
  issue: "M8 2.2a5.8 5.8 0 1 1 0 11.6A5.8 5.8 0 0 1 8 2.2M8 7.4a.6.6 0 1 1 0 1.2.6.6 0 0 1 0-1.2",
  leave: "M9.5 5.2V2.8h-7v10.4h7v-2.4M6.5 8h7.2M11.4 5.6 13.8 8l-2.4 2.4",
  lock: "M3.5 7h9v6.5h-9zM5.3 7V4.8a2.7 2.7 0 0 1 5.4 0V7",
  merge:
    "M5 5.7v4.6M5 5.7c0 2.2 3 3 4.4 3M3.4 4a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 0 0-3.2 0M3.4 12a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 0 0-3.2 0M9.4 8.7a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 0 0-3.2 0",
  minus: "M4 8h8",
  moon: "M13.3 9.7A5.8 5.8 0 0 1 6.3 2.7a5.8 5.8 0 1 0 7 7z",
  people:
    "M6 7.5a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8M1.8 13.3c0-5 8.4-5 8.4 0M10.4 3a2.2 2.2 0 0 1 .2 4.3M12 9.6c1.5.5 2.3 1.8 2.3 3.7",
  play: "M4.5 2.8 12.5 8l-8 5.2z",
  plus: "M8 3.5v9M3.5 8h9",
  pull: "M4 5.7v4.6M12 10.3V7c0-2-1-3-3-3H7.8M9.6 2 7.6 4l2 2M2.4 4a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 0 0-3.2 0M2.4 12a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 0 0-3.2 0M10.4 12a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 0 0-3.2 0",
  revert: "M6 3 2.8 6.2 6 9.4M3 6.2h6.2a3.6 3.6 0 0 1 0 7.2H6",
  rocket: "M6 10 4.2 8.2C5.5 4.5 8.5 2 13.8 2.2 14 7.5 11.5 10.5 7.8 11.8zM5.5 6.8H3L1.8 9l2.4.5M9.2 10.5V13L7 14.2 6.5 11.8",
  search: "M7 2.8a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4M10.2 10.2l3.3 3.3",
  sun: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6M8 1.3v1.4M8 13.3v1.4M1.3 8h1.4M13.3 8h1.4M3.3 3.3l1 1M11.7 11.7l1 1M3.3 12.7l1-1M11.7 4.3l1-1",
  tag: "M2.5 2.5h5.8l5.2 5.2-5.8 5.8-5.2-5.2zM5.2 5.6a.4.4 0 1 1 .8 0 .4.4 0 0 1-.8 0",
} as const;

export type IconName = keyof typeof LINES;

/** Beside words that say the same. */
export function icon(name: IconName): Html {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="${LINES[name]}" /></svg>`;
}

export type Tone = "good" | "bad" | "busy" | "quiet" | "merged";

/** Told apart by shape as well as by colour. */
const MARKS: Record<Tone, string> = {
  good: `<circle cx="8" cy="8" r="7"/><path d="M4.8 8.3l2.2 2.2 4.2-4.8"/>`,
  bad: `<circle cx="8" cy="8" r="7"/><path d="M5.5 5.5l5 5m0-5l-5 5"/>`,
  busy: `<circle class="track" cx="8" cy="8" r="6"/><path d="M8 2a6 6 0 0 1 6 6"/>`,
  quiet: `<circle class="track" cx="8" cy="8" r="6"/><path d="M5.5 8h5"/>`,
  merged: `<circle cx="8" cy="8" r="7"/><path d="M4.8 8.3l2.2 2.2 4.2-4.8"/>`,
};

/** How something stands. `label` undefined: words beside it say so. */
export function mark(tone: Tone, label?: string): Html {
  const named = label === undefined ? html`aria-hidden="true"` : html`role="img" aria-label="${label}"`;
  return html`<svg class="mark ${tone}" viewBox="0 0 16 16" ${named}>
    ${label === undefined ? "" : html`<title>${label}</title>`}${raw(MARKS[tone])}
  </svg>`;
}
