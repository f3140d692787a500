/** Reads a prompt as a conversation: which tools were called, what they answered, and what the platform remembers of dropped steps. */
import type { LanguageModelV4Prompt, LanguageModelV4ToolResultOutput } from "@ai-sdk/provider";
import { readPromptSection } from "../prompt-sections.ts";

export interface PastCall {
  tool: string;
  input: Record<string, unknown>;
  ok: boolean;
  /** What the tool answered: a value, or the text of its error. */
  output: unknown;
}

export interface Conversation {
  /** Calls that were answered, oldest first. */
  calls: PastCall[];
  /** From the `Progress` section, where steps were dropped. */
  progress: { written: string[]; deleted: string[]; migrations: string[]; checked: boolean | undefined };
  /** The gates refused a claim. */
  reopened: string[] | undefined;
}

export function readConversation(prompt: LanguageModelV4Prompt): Conversation {
  const inputs = new Map<string, { tool: string; input: Record<string, unknown> }>();
  const calls: PastCall[] = [];
  for (const message of prompt) {
    if (message.role === "assistant") {
      for (const part of message.content)
        if (part.type === "tool-call") inputs.set(part.toolCallId, { tool: part.toolName, input: asRecord(part.input) });
    }
    if (message.role !== "tool") continue;
    for (const part of message.content) {
      if (part.type !== "tool-result") continue;
      const call = inputs.get(part.toolCallId);
      if (call !== undefined) calls.push({ ...call, ...readOutput(part.output) });
    }
  }
  const progress = asRecord(readPromptSection(prompt, "Progress"));
  const gates = asRecord(readPromptSection(prompt, "Gates"));
  const lastCheck = asRecord(progress["lastCheck"]);
  return {
    calls,
    progress: {
      written: strings(progress["written"]),
      deleted: strings(progress["deleted"]),
      migrations: strings(progress["migrations"]),
      checked: typeof lastCheck["ok"] === "boolean" ? lastCheck["ok"] : undefined,
    },
    reopened: gates["faults"] === undefined ? undefined : strings(gates["faults"]),
  };
}

function readOutput(output: LanguageModelV4ToolResultOutput): { ok: boolean; output: unknown } {
  switch (output.type) {
    case "json":
    case "text":
      return { ok: true, output: output.value };
    case "error-json":
    case "error-text":
      return { ok: false, output: output.value };
    default:
      return { ok: false, output: output.type };
  }
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
