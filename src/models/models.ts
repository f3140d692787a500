/** Model ids to language models: the one place that knows which models exist. */
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { AdorableError } from "../core/errors.ts";
import { createBlueprintModel } from "./blueprint/blueprint-model.ts";
import { modelSetting, type ModelRole } from "./roles.ts";

/** What a model id can be. */
export type ModelId =
  | { provider: "blueprint" }
  | { provider: "anthropic" | "openai" | "github" | "ollama"; name: string }
  | { provider: "url"; url: string };

const PROVIDERS = ["anthropic", "openai", "github", "ollama"] as const;
const FORMS =
  "blueprint, anthropic/<name>, openai/<name>, github/<publisher>/<name>, ollama/<name> or the http(s) URL of an OpenAI-compatible API";

/** Reads a model id as it stands in the configuration. Throws `model-unknown` (operator). */
export function parseModelId(id: string, role: ModelRole): ModelId {
  if (id === "blueprint") return { provider: "blueprint" };
  const slash = id.indexOf("/");
  const provider = PROVIDERS.find((candidate) => candidate === id.slice(0, slash));
  const name = id.slice(slash + 1);
  if (provider !== undefined && /^[\w.:/-]+$/.test(name)) return { provider, name };
  if (/^https?:\/\//.test(id) && URL.canParse(id)) return { provider: "url", url: id };
  throw new AdorableError({
    code: "model-unknown",
    remedy: "operator",
    message: `"${id}" is not a model id.`,
    hint: `Set ${modelSetting(role)} to one of: ${FORMS}.`,
    details: { id, role },
  });
}

/**
 * The language model of an id, for a role (which only words the errors).
 * Throws `model-unknown` and `model-not-available` (operator); never another model than the one asked for.
 */
export function createModel(id: string, role: ModelRole): LanguageModelV4 {
  const parsed = parseModelId(id, role);
  if (parsed.provider === "blueprint") return createBlueprintModel();
  throw new AdorableError({
    code: "model-not-available",
    remedy: "operator",
    message: `The model "${id}" is not available: this version has no client for ${parsed.provider === "url" ? "OpenAI-compatible URLs" : `"${parsed.provider}"`}. Available: "blueprint".`,
    hint: `Set ${modelSetting(role)}=blueprint.`,
    details: { id, role, available: ["blueprint"] },
  });
}
