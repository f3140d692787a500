import type { LanguageModelV4CallOptions, LanguageModelV4GenerateResult } from "@ai-sdk/provider";
import { expect, test } from "vitest";
import { createRelayModel } from "./relay-model.ts";
import { decodeCall, decodeResult, encodeCall, encodeResult } from "./wire.ts";

const call: LanguageModelV4CallOptions = {
  prompt: [
    { role: "system", content: "Be brief." },
    {
      role: "user",
      content: [
        { type: "text", text: "What is this?" },
        { type: "file", mediaType: "image/png", data: { type: "data", data: new Uint8Array([0, 255, 10]) } },
        { type: "file", mediaType: "image/png", data: { type: "url", url: new URL("https://example.com/a.png") } },
      ],
    },
    {
      role: "tool",
      content: [
        {
          type: "tool-result",
          toolCallId: "1",
          toolName: "t",
          output: { type: "json", value: { $adorable: "bytes", value: "not bytes" } },
        },
      ],
    },
  ],
  headers: { authorization: "secret" },
  abortSignal: AbortSignal.abort(),
};

const result: LanguageModelV4GenerateResult = {
  content: [{ type: "text", text: "A dot." }],
  finishReason: { unified: "stop", raw: undefined },
  usage: {
    inputTokens: { total: 3, noCache: 3, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: 2, text: 2, reasoning: undefined },
  },
  warnings: [],
  request: { body: { key: "secret" } },
  response: { id: "r", timestamp: new Date(1_700_000_000_000), headers: { "set-cookie": "secret" }, body: "secret" },
};

const overJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("a call crosses JSON with its bytes and URLs, and without signal and headers", () => {
  const decoded = decodeCall(overJson(encodeCall(call)));
  expect(decoded.prompt).toEqual(call.prompt);
  expect(Object.keys(decoded)).toEqual(["prompt"]);
});

test("data that looks like a mark of ours arrives as it was sent", () => {
  const decoded = decodeCall(overJson(encodeCall(call)));
  expect(decoded.prompt[2]).toEqual(call.prompt[2]);
});

test("a result crosses JSON with its dates, and leaves the provider's bodies behind", () => {
  const text = JSON.stringify(encodeResult(result));
  expect(text).not.toContain("secret");
  expect(decodeResult(JSON.parse(text))).toMatchObject({
    content: result.content,
    response: { id: "r", timestamp: new Date(1_700_000_000_000) },
  });
});

test("what is not a call or a result is refused by name", () => {
  expect(() => decodeCall({})).toThrow(/no prompt/);
  expect(() => decodeResult({ content: [] })).toThrow(/no content, finish reason or usage/);
  expect(() => decodeCall({ prompt: [], x: { $adorable: "socket", value: 1 } })).toThrow(/"socket"/);
});

test("the relayed model asks for its role and returns what the other side answered", async () => {
  const asked: string[] = [];
  const model = createRelayModel(
    {
      async callModel(role, options) {
        asked.push(role);
        expect(decodeCall(overJson(options)).prompt).toEqual(call.prompt);
        return overJson(encodeResult(result));
      },
    },
    "producer",
  );
  const answer = await model.doGenerate(call);
  expect(asked).toEqual(["producer"]);
  expect(answer.content).toEqual(result.content);
  await expect(model.doStream(call)).rejects.toThrow(/streaming/);
});
