/**
 * The built-in language model: it answers the platform's own prompts from vetted blueprints, the same way every time, without a key or a network.
 * It keeps nothing between calls: what it does next follows from the conversation alone.
 */
import { createHash } from "node:crypto";
import {
  UnsupportedFunctionalityError,
  type LanguageModelV4,
  type LanguageModelV4CallOptions,
  type LanguageModelV4GenerateResult,
} from "@ai-sdk/provider";
import { answerArchitect } from "./architect.ts";
import { nextStep, type Step } from "./producer.ts";

export function createBlueprintModel(): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "adorable",
    modelId: "blueprint",
    supportedUrls: {},
    async doGenerate(options) {
      return resultOf(options, decide(options));
    },
    async doStream() {
      throw new UnsupportedFunctionalityError({ functionality: "streaming from the blueprint model" });
    },
  };
}

function decide(options: LanguageModelV4CallOptions): Step {
  if (options.tools !== undefined && options.tools.length > 0) return nextStep(options.prompt);
  if (options.responseFormat?.type === "json") return { text: JSON.stringify(answerArchitect(options.prompt)) };
  return { text: "The blueprint model plans and builds apps. It does not answer other questions." };
}

function resultOf(options: LanguageModelV4CallOptions, step: Step): LanguageModelV4GenerateResult {
  const content: LanguageModelV4GenerateResult["content"] =
    "text" in step
      ? [{ type: "text", text: step.text }]
      : step.calls.map(({ tool, input }) => {
          const json = JSON.stringify(input);
          return {
            type: "tool-call",
            toolCallId: `call_${createHash("sha256").update(`${tool} ${json}`).digest("hex").slice(0, 24)}`,
            toolName: tool,
            input: json,
          };
        });
  const inputTokens = tokens(options.prompt);
  const outputTokens = tokens(content);
  return {
    content,
    finishReason: { unified: "text" in step ? "stop" : "tool-calls", raw: undefined },
    usage: {
      inputTokens: { total: inputTokens, noCache: inputTokens, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: outputTokens, text: outputTokens, reasoning: undefined },
    },
    warnings: [],
  };
}

/** The usual estimate, so that budgets and their display mean something: four characters a token. */
function tokens(value: unknown): number {
  return Math.ceil(JSON.stringify(value).length / 4);
}
