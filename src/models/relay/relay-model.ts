/** The runner's language model: every call goes to the control plane, which holds the keys and the budget. */
import { UnsupportedFunctionalityError, type LanguageModelV4 } from "@ai-sdk/provider";
import type { ModelRole } from "../roles.ts";
import { decodeResult, encodeCall } from "./wire.ts";

/** What carries a call to the control plane: `RunnerClient` does. */
export interface ModelTransport {
  /** Sends an encoded call for a role, answers an encoded result. Throws `AdorableError`. */
  callModel(role: ModelRole, options: unknown, signal?: AbortSignal): Promise<unknown>;
}

export function createRelayModel(transport: ModelTransport, role: ModelRole): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "adorable-relay",
    modelId: role,
    supportedUrls: {},
    async doGenerate(options) {
      return decodeResult(await transport.callModel(role, encodeCall(options), options.abortSignal));
    },
    async doStream() {
      throw new UnsupportedFunctionalityError({ functionality: "streaming through the model relay" });
    },
  };
}
