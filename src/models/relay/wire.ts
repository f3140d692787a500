/** Model calls and their results as JSON, both ways without loss of what the specification allows: bytes, dates, URLs. */
import type { LanguageModelV4CallOptions, LanguageModelV4GenerateResult } from "@ai-sdk/provider";
import { AdorableError } from "../../core/errors.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The key that marks a value JSON has no word for; a real object that has this key is wrapped in one. */
const TAG = "$adorable";

/** The call without what must not travel (the abort signal) or is the other side's business (headers). */
export function encodeCall(options: LanguageModelV4CallOptions): unknown {
  const { abortSignal: _signal, headers: _headers, ...rest } = options;
  return encode(rest);
}

/** Throws `model-call-invalid` (bug) when the value is not an encoded call. */
export function decodeCall(json: unknown, abortSignal?: AbortSignal): LanguageModelV4CallOptions {
  const call = decode(json as Json);
  if (typeof call !== "object" || call === null || !Array.isArray((call as { prompt?: unknown }).prompt))
    throw invalid("call has no prompt");
  const { abortSignal: _signal, headers: _headers, ...rest } = call as LanguageModelV4CallOptions;
  return abortSignal === undefined ? rest : { ...rest, abortSignal };
}

/** The result without the provider's own request and response bodies: they may hold credentials, and nobody needs them here. */
export function encodeResult(result: LanguageModelV4GenerateResult): unknown {
  const { request: _request, response, ...rest } = result;
  if (response === undefined) return encode(rest);
  const { headers: _headers, body: _body, ...metadata } = response;
  return encode({ ...rest, response: metadata });
}

/** Throws `model-result-invalid` (bug) when the value is not an encoded result. */
export function decodeResult(json: unknown): LanguageModelV4GenerateResult {
  const result = decode(json as Json) as Partial<LanguageModelV4GenerateResult> | null;
  if (
    typeof result !== "object" ||
    result === null ||
    !Array.isArray(result.content) ||
    result.finishReason === undefined ||
    result.usage === undefined
  ) {
    throw invalid("result has no content, finish reason or usage");
  }
  return result as LanguageModelV4GenerateResult;
}

function encode(value: unknown): Json | undefined {
  if (value === undefined || typeof value === "function" || typeof value === "symbol") return undefined;
  if (value === null || typeof value !== "object") return value as Json;
  if (value instanceof Uint8Array) return { [TAG]: "bytes", value: Buffer.from(value).toString("base64") };
  if (value instanceof Date) return { [TAG]: "date", value: value.toISOString() };
  if (value instanceof URL) return { [TAG]: "url", value: value.href };
  if (Array.isArray(value)) return value.map((item) => encode(item) ?? null);
  const entries = Object.entries(value).flatMap(([key, item]): [string, Json][] => {
    const encoded = encode(item);
    return encoded === undefined ? [] : [[key, encoded]];
  });
  const object: Json = Object.fromEntries(entries);
  return TAG in value ? { [TAG]: "object", value: object } : object;
}

function decode(value: Json): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(decode);
  if (TAG in value) return decodeTagged(value);
  return decodeEntries(value);
}

function decodeEntries(value: { [key: string]: Json }): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item)]));
}

function decodeTagged(tagged: { [key: string]: Json }): unknown {
  const { [TAG]: kind, value } = tagged;
  if (kind === "bytes" && typeof value === "string") return new Uint8Array(Buffer.from(value, "base64"));
  if (kind === "date" && typeof value === "string") return new Date(value);
  if (kind === "url" && typeof value === "string") return new URL(value);
  if (kind === "object" && typeof value === "object" && value !== null && !Array.isArray(value)) return decodeEntries(value);
  throw invalid(`value has the unknown mark ${JSON.stringify(kind)}`);
}

function invalid(what: string): AdorableError {
  const kind = what.startsWith("result") ? "model-result-invalid" : "model-call-invalid";
  return new AdorableError({ code: kind, remedy: "bug", message: `The relayed model ${what}.` });
}
