/** Keeps the conversation within a bound: the oldest steps make room for one section that says what they did. */
import type { ModelMessage } from "ai";
import { promptSection } from "../models/prompt-sections.ts";
import { shorten, type Progress } from "./progress.ts";

export const PROGRESS_SECTION = "Progress";

/**
 * `messages` unchanged while they fit `maxCharacters`; else the first `keepFirst` (the task), the progress, and as many of the newest
 * whole steps as fit half of the bound. A step (an assistant's message and its results) is dropped whole or kept whole.
 */
export function compressMessages(
  messages: ModelMessage[],
  options: { keepFirst: number; maxCharacters: number; progress: Progress },
): ModelMessage[] {
  if (size(messages) <= options.maxCharacters) return messages;
  const head = messages.slice(0, options.keepFirst);
  const rest = messages.slice(options.keepFirst).filter((message) => !isProgress(message));
  let start = rest.length;
  let kept = 0;
  for (let index = rest.length - 1; index >= 0; index--) {
    kept += size([rest[index] as ModelMessage]);
    // The newest step is always kept, however large: without it the model would repeat it.
    if (kept > options.maxCharacters / 2 && start < rest.length) break;
    if (rest[index]?.role !== "tool") start = index;
  }
  for (const dropped of rest.slice(0, start)) if (dropped.role === "assistant") options.progress.noted(textOf(dropped));
  return [...head, progressMessage(options.progress), ...rest.slice(start)];
}

function progressMessage(progress: Progress): ModelMessage {
  return {
    role: "user",
    content: [
      promptSection(PROGRESS_SECTION, {
        note: "Earlier steps were dropped. This is what they did; do not do it again.",
        ...progress.data(),
      }),
    ],
  };
}

function isProgress(message: ModelMessage): boolean {
  if (message.role !== "user" || typeof message.content === "string") return false;
  const first = message.content[0];
  return first?.type === "text" && first.text.startsWith(`## ${PROGRESS_SECTION}\n`);
}

function textOf(message: ModelMessage): string {
  if (typeof message.content === "string") return shorten(message.content, 300);
  return message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join(" ");
}

function size(messages: ModelMessage[]): number {
  return messages.reduce((sum, message) => sum + JSON.stringify(message.content).length, 0);
}
