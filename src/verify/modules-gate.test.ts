import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { tinyApp, TINY_CONTRACT } from "../../test/fixtures/tiny-app.ts";
import { openBench, type Bench } from "../../test/support/verify-bench.ts";
import { buildApp, sealSources } from "./build.ts";
import { modulesGate } from "./modules-gate.ts";

let bench: Bench | undefined;
afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

async function judge(changes: Record<string, string | undefined>) {
  bench = await openBench({
    tiny: { files: tinyApp(changes), contract: TINY_CONTRACT },
    other: { files: tinyApp(), contract: TINY_CONTRACT },
  });
  return modulesGate(bench.context);
}

describe("the gate modules", () => {
  test("passes apps whose imports are in order", async () => {
    expect(await judge({})).toMatchObject({ gate: "modules", conclusion: "success", annotations: [] });
  });

  test.for<[string, string, Record<string, string>, { path: string; line: number; message: string }]>([
    [
      "an import that leads nowhere",
      "src/shared/a.ts",
      { "src/shared/a.ts": 'import "./note.ts";\nimport { gone } from "./gone.ts";\nexport const a = gone;\n' },
      { path: "apps/tiny/src/shared/a.ts", line: 2, message: '"./gone.ts" does not exist' },
    ],
    [
      "a cycle",
      "src/shared/a.ts",
      {
        "src/shared/a.ts": 'import { b } from "./b.ts";\nexport const a = (): number => b();\n',
        "src/shared/b.ts": 'import { a } from "./a.ts";\nexport const b = (): number => a();\n',
      },
      { path: "apps/tiny/src/shared/a.ts", line: 1, message: "import cycle: src/shared/a.ts → src/shared/b.ts → src/shared/a.ts" },
    ],
    [
      "an import of another app",
      "src/shared/a.ts",
      { "src/shared/a.ts": 'export { noteSchema } from "../../../other/src/shared/note.ts";\n' },
      {
        path: "apps/tiny/src/shared/a.ts",
        line: 1,
        message: '"../../../other/src/shared/note.ts" is in another app, "other"; apps share nothing but their database',
      },
    ],
    [
      "an import of a file outside of the apps",
      "src/shared/a.ts",
      { "src/shared/a.ts": 'import spec from "../../../../.adorable/spec.json" with { type: "json" };\nexport const a = spec;\n' },
      { path: "apps/tiny/src/shared/a.ts", line: 1, message: '"../../../../.adorable/spec.json" is outside of the app' },
    ],
    [
      "a package that is installed and not declared",
      "src/shared/a.ts",
      { "src/shared/a.ts": 'import { Kysely } from "kysely";\nexport const a = Kysely;\n' },
      { path: "apps/tiny/src/shared/a.ts", line: 1, message: 'the package "kysely" is not declared in package.json' },
    ],
    [
      "a part that a declared package does not have",
      "src/shared/a.ts",
      { "src/shared/a.ts": 'import { a } from "hono/no-such-part";\nexport const b = a;\n' },
      { path: "apps/tiny/src/shared/a.ts", line: 1, message: '"hono/no-such-part" does not exist in the package "hono"' },
    ],
    [
      "server code that the client reaches through a shared file",
      "src/shared/a.ts",
      {
        "src/shared/a.ts": 'export { pool } from "../server/database.ts";\n',
        "src/client/b.ts": 'export { pool } from "../shared/a.ts";\n',
      },
      {
        path: "apps/tiny/src/shared/a.ts",
        line: 1,
        message: '"../server/database.ts" is server code, and this file is part of the client',
      },
    ],
    [
      "a file that does not parse",
      "src/shared/a.ts",
      { "src/shared/a.ts": "export const = 1;\n" },
      { path: "apps/tiny/src/shared/a.ts", line: 1, message: expect.stringContaining("does not parse") as string },
    ],
  ])("names %s", async ([, , changes, annotation]) => {
    const evidence = await judge(changes);
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.annotations).toEqual([annotation]);
  });

  test("types alone close no cycle and are no server code", async () => {
    const evidence = await judge({
      "src/shared/a.ts": 'import type { B } from "./b.ts";\nexport type A = B[];\n',
      "src/shared/b.ts": 'import type { A } from "./a.ts";\nexport type B = A | string;\n',
      "src/client/c.ts": 'import type { router } from "../server/router.ts";\nexport type Router = typeof router;\n',
    });
    expect(evidence).toMatchObject({ conclusion: "success", annotations: [] });
  });

  test("names a dependency that the platform does not carry, or not in this version", async () => {
    const manifest = JSON.parse(tinyApp()["package.json"] ?? "") as { dependencies: Record<string, string> };
    manifest.dependencies["left-pad"] = "1.3.0";
    const unknown = await judge({ "package.json": JSON.stringify(manifest) });
    expect(unknown.conclusion).toBe("failure");
    expect(unknown.summary).toContain('The package "left-pad" is not available to apps.');
    await bench?.close();
    delete manifest.dependencies["left-pad"];
    manifest.dependencies["zod"] = "3.0.0";
    const older = await judge({ "package.json": JSON.stringify(manifest) });
    expect(older.conclusion).toBe("failure");
    expect(older.summary).toContain('The package "zod" is available in version "4.6.7", not "3.0.0".');
  });
});

describe("the build", () => {
  test("gives the same bytes for the same content, without node_modules", async () => {
    bench = await openBench({ tiny: { files: tinyApp(), contract: TINY_CONTRACT } });
    const [app] = bench.context.apps;
    if (!app) throw new Error("no app");
    const first = await buildApp(bench.context, app);
    const second = await buildApp(bench.context, app);
    expect(first).toMatchObject({ ok: true });
    expect(second).toMatchObject({ ok: true });
    if (first.ok && second.ok) expect(first.artifact.equals(second.artifact)).toBe(true);
  });

  test("packs nothing when the sources are no longer those that were judged", async () => {
    bench = await openBench({ tiny: { files: tinyApp(), contract: TINY_CONTRACT } });
    const [app] = bench.context.apps;
    if (!app) throw new Error("no app");
    const seal = await sealSources(app.dir);
    await writeFile(join(app.dir, "src/server/extra.ts"), "export {};\n");
    await writeFile(join(app.dir, "src/shared/note.ts"), `${tinyApp()["src/shared/note.ts"] ?? ""}// changed\n`);
    const outcome = await buildApp(bench.context, app, seal);
    expect(outcome).toEqual({
      ok: false,
      output: "The app changed its own sources while it was judged: src/shared/note.ts, src/server/extra.ts",
    });
  });

  test("that fails makes the gate fail with its output", async () => {
    bench = await openBench({
      tiny: { files: tinyApp({ "index.html": '<script type="module" src="/src/client/none.tsx"></script>' }), contract: TINY_CONTRACT },
    });
    const { context } = bench;
    const evidence = await modulesGate(context, (app) => buildApp(context, app));
    expect(evidence).toMatchObject({ conclusion: "failure", title: "7 modules and 19 imports in order; tiny did not build" });
    expect(evidence.summary).toContain("none.tsx");
  });
});
