/** A language model that does what a script says, step by step, and remembers what it was asked. */
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4Content } from "@ai-sdk/provider";

export type ScriptStep = { text: string } | { calls: { tool: string; input: unknown }[] } | Error;

export interface ScriptedModel extends LanguageModelV4 {
  /** Every call's options, in order. */
  readonly asked: LanguageModelV4CallOptions[];
}

/** `script` gives the step for the n-th call (from 0); `tokens` is what each call costs. */
export function createScriptedModel(
  script: (call: number, options: LanguageModelV4CallOptions) => ScriptStep | Promise<ScriptStep>,
  tokens = 10,
): ScriptedModel {
  const asked: LanguageModelV4CallOptions[] = [];
  return {
    specificationVersion: "v4",
    provider: "test",
    modelId: "scripted",
    supportedUrls: {},
    asked,
    async doGenerate(options) {
      const call = asked.push(options) - 1;
      const step = await script(call, options);
      if (step instanceof Error) throw step;
      const content: LanguageModelV4Content[] =
        "text" in step
          ? [{ type: "text", text: step.text }]
          : step.calls.map(({ tool, input }, index) => ({
              type: "tool-call",
              toolCallId: `call-${call}-${index}`,
              toolName: tool,
              input: JSON.stringify(input),
            }));
      return {
        content,
        finishReason: { unified: "text" in step ? "stop" : "tool-calls", raw: undefined },
        usage: {
          inputTokens: { total: tokens, noCache: tokens, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 0, text: 0, reasoning: undefined },
        },
        warnings: [],
      };
    },
    async doStream() {
      throw new Error("not streamed");
    },
  };
}

/** What tools answered so far, newest last, as text. */
export function toolResults(options: LanguageModelV4CallOptions): string[] {
  return options.prompt.flatMap((message) =>
    message.role === "tool" ? message.content.flatMap((part) => (part.type === "tool-result" ? [JSON.stringify(part.output)] : [])) : [],
  );
}
