/** Removes from people's text what a reader does not see: characters that hide, reorder or control. */

/** Ranges of code points: control characters but tab and newline; zero-width, bidirectional, tag and filler characters. */
const HIDDEN: readonly (readonly [number, number])[] = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200b],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0d],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
];
const hidden = new RegExp(`[${HIDDEN.map(([from, to]) => `\\u{${from.toString(16)}}-\\u{${to.toString(16)}}`).join("")}]`, "gu");

/** Zero-width joiners mean something between letters and symbols beyond ASCII that need them, and nothing elsewhere. */
const strayJoiner = /(?<!\P{ASCII})(?:\u200C|\u200D)|(?:\u200C|\u200D)(?!\P{ASCII})/gu;

/** The text as its readers see it, with `\n` line ends. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll(/\r\n?/g, "\n").replaceAll(hidden, "").replaceAll(strayJoiner, "");
}
