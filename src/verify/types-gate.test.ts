import { afterEach, describe, expect, test } from "vitest";
import { tinyApp, TINY_CONTRACT } from "../../test/fixtures/tiny-app.ts";
import { openBench, type Bench } from "../../test/support/verify-bench.ts";
import { typesGate } from "./types-gate.ts";

let bench: Bench | undefined;
afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

async function judge(changes: Record<string, string | undefined>) {
  bench = await openBench({ tiny: { files: tinyApp(changes), contract: TINY_CONTRACT } });
  return typesGate(bench.context);
}

describe("the gate types", () => {
  test("passes an app that compiles, and says how many files did", async () => {
    expect(await judge({})).toMatchObject({
      gate: "types",
      conclusion: "success",
      title: "7 files compiled without an error",
      annotations: [],
    });
  });

  test("names file and line of a type error, as paths of the repository", async () => {
    const evidence = await judge({ "src/shared/note.ts": 'export const one = 1;\nexport const wrong: number = "text";\n' });
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.annotations).toContainEqual({
      path: "apps/tiny/src/shared/note.ts",
      line: 2,
      message: expect.stringContaining("TS2322: Type 'string' is not assignable to type 'number'") as string,
    });
    expect(evidence.summary).not.toContain("/tmp/");
  });

  test("an app cannot lower strictness by its own configuration", async () => {
    const lax = JSON.stringify({
      compilerOptions: {
        strict: false,
        module: "nodenext",
        jsx: "react-jsx",
        allowImportingTsExtensions: true,
        skipLibCheck: true,
        noEmit: true,
      },
      include: ["src", "vite.config.ts"],
    });
    const evidence = await judge({ "tsconfig.json": lax, "src/shared/lax.ts": "export function say(text) {\n  return text;\n}\n" });
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.annotations.map(({ message }) => message).join("\n")).toContain("TS7006");
  });

  test("an app cannot leave a file out, nor turn the compiler off in one", async () => {
    const partial = tinyApp()["tsconfig.json"]?.replace('"src"', '"src/server"');
    const evidence = await judge({
      "tsconfig.json": partial,
      "src/server/off.ts": '// @ts-nocheck\nexport const wrong: number = "text";\n',
    });
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.annotations).toContainEqual({
      path: "apps/tiny/src/client/main.tsx",
      line: 1,
      message: "tsconfig.json leaves this file out of the compilation.",
    });
    expect(evidence.annotations).toContainEqual({
      path: "apps/tiny/src/server/off.ts",
      line: 1,
      message: "`@ts-nocheck` turns the compiler off for this file.",
    });
  });

  test("fails without a tsconfig.json", async () => {
    expect((await judge({ "tsconfig.json": undefined })).conclusion).toBe("failure");
  });
});
