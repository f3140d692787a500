/** The form in which the platform hands data to a model: one text part per section, a heading and JSON, so that quoted data cannot pass for anything else. */
import type { LanguageModelV4Prompt } from "@ai-sdk/provider";

export interface TextPart {
  type: "text";
  text: string;
}

/** A section as a part of a user message. */
export function promptSection(title: string, value: unknown): TextPart {
  return { type: "text", text: `## ${title}\n${JSON.stringify(value)}` };
}

/** The value of the last section with that title in any user message, or undefined. */
export function readPromptSection(prompt: LanguageModelV4Prompt, title: string): unknown {
  const heading = `## ${title}\n`;
  let found: unknown;
  for (const message of prompt) {
    if (message.role !== "user") continue;
    for (const part of message.content) {
      if (part.type === "text" && part.text.startsWith(heading)) found = JSON.parse(part.text.slice(heading.length)) as unknown;
    }
  }
  return found;
}
