import { expect, test } from "vitest";
import { createModel } from "./models.ts";

test("the blueprint model is there without any key", () => {
  expect(createModel("blueprint", "producer")).toMatchObject({ specificationVersion: "v4", modelId: "blueprint" });
});

test.each(["anthropic/claude", "openai/gpt", "github/openai/gpt-4o", "ollama/llama3:8b", "https://models.example.org/v1"])(
  "%s is known, and refused by name with the setting to change",
  (id) => {
    expect(() => createModel(id, "producer")).toThrow(
      expect.objectContaining({
        code: "model-not-available",
        remedy: "operator",
        hint: expect.stringContaining("ADORABLE_MODEL_PRODUCER") as string,
      }) as Error,
    );
  },
);

test.each(["", "claude", "anthropic/", "Blueprint", "ftp://x", "other/model"])("'%s' is no model id", (id) => {
  expect(() => createModel(id, "architect")).toThrow(
    expect.objectContaining({ code: "model-unknown", hint: expect.stringContaining("ADORABLE_MODEL_ARCHITECT") as string }) as Error,
  );
});
