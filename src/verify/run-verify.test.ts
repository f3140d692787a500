import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { list } from "tar";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyApp, TINY_CONTRACT, TINY_MIGRATION } from "../../test/fixtures/tiny-app.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../../test/support/throwaway-postgres.ts";
import { verifyTools, writeProject, writeTree, type BenchApp } from "../../test/support/verify-bench.ts";
import { startVerifyControlPlane, type VerifyControlPlane } from "../../test/support/verify-control-plane.ts";
import { makeRepository, type TestRepository } from "../../test/support/verify-repository.ts";
import { evidenceSchema } from "../core/evidence.ts";
import type { VerifyAssignment, VerifyResult } from "../core/runner-protocol.ts";
import { verifyResultSchema } from "../core/runner-protocol.ts";
import { quickCheck } from "./quick-check.ts";
import { createRunnerClient } from "./runner-client.ts";
import { runVerify, VERIFY_GATES } from "./run-verify.ts";

let home: string;
let postgres: ThrowawayPostgres;
let controlPlane: VerifyControlPlane;
let repository: TestRepository;
let empty: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "run-verify-test-"));
  await chmod(home, 0o755);
  postgres = await startThrowawayPostgres();
  controlPlane = await startVerifyControlPlane(postgres, { tiny: TINY_MIGRATION, twin: TINY_MIGRATION });
  repository = await makeRepository(home);
  empty = await repository.commit([], (dir) => writeFile(join(dir, "README.md"), "A project.\n"));
});
afterAll(async () => {
  await controlPlane.close();
  await postgres.close();
  await rm(home, { recursive: true, force: true });
});

const TINY: Record<string, BenchApp> = { tiny: { files: tinyApp(), contract: TINY_CONTRACT } };

async function verify(assignment: VerifyAssignment): Promise<{ result: VerifyResult; events: string[] }> {
  const workDir = await mkdtemp(join(home, "work-"));
  const events: string[] = [];
  const result = await runVerify({
    assignment,
    client: createRunnerClient(controlPlane.url, controlPlane.token),
    workDir,
    tools: await verifyTools(),
    onEvent: (event) => void (event.type === "gate" && events.push(`${event.gate} ${event.state}`)),
  });
  // Nothing of it is left.
  expect((await readdir(home)).filter((name) => name.startsWith("work-"))).toEqual([]);
  return { result: verifyResultSchema.parse(result), events };
}

async function head(fill: (dir: string) => Promise<void>): Promise<VerifyAssignment> {
  const commit = await repository.commit([empty], async (dir) => {
    await writeFile(join(dir, "README.md"), "A project.\n");
    await fill(dir);
  });
  return repository.assignment(empty, commit);
}

describe("a verification", () => {
  test("judges the merged tree by every gate and hands over the built app", async () => {
    const { result, events } = await verify(await head((dir) => writeProject(dir, TINY)));
    expect(result.evidence.map(({ gate, conclusion }) => `${gate} ${conclusion}`)).toEqual(VERIFY_GATES.map((gate) => `${gate} success`));
    expect(events.toSorted()).toEqual(VERIFY_GATES.flatMap((gate) => [`${gate} started`, `${gate} success`]).toSorted());
    for (const evidence of result.evidence) evidenceSchema.parse(evidence);
    expect(JSON.stringify(result)).not.toMatch(/secret-of-tiny|run-verify-test|\/tmp\//);

    const artifact = controlPlane.files.get(result.artifacts["tiny"] ?? "");
    const entries: string[] = [];
    await pipeline(
      Readable.from([artifact ?? Buffer.alloc(0)]),
      createGunzip(),
      list({ onReadEntry: (entry) => void entries.push(entry.path) }),
    );
    expect(entries).toEqual(entries.toSorted());
    expect(entries).toContain("dist/index.html");
    expect(entries).toContain("src/server/main.ts");
    expect(entries.filter((path) => path.includes("node_modules") || path.includes(".git/"))).toEqual([]);

    const again = await verify(await head((dir) => writeProject(dir, TINY)));
    expect(again.result.artifacts).toEqual(result.artifacts);
  });

  test("an app that is wrong in several ways fails each gate by itself, and gives no artifact", async () => {
    const files = tinyApp({
      "src/client/main.tsx": 'import { gone } from "./gone.ts";\nexport const page: number = gone;\n',
      "src/server/router.test.ts": undefined,
    });
    const { result, events } = await verify(await head((dir) => writeProject(dir, { tiny: { files, contract: TINY_CONTRACT } })));
    expect(Object.fromEntries(result.evidence.map(({ gate, conclusion }) => [gate, conclusion]))).toEqual({
      types: "failure",
      modules: "failure",
      contract: "failure",
      tests: "failure",
      browse: "failure",
    });
    expect(result.evidence.find(({ gate }) => gate === "browse")?.title).toContain('The app "tiny" was not started, as it does not build.');
    expect(events).toContain("browse failure");
    expect(result.artifacts).toEqual({});
  });

  test("says which tests and which parts of the contract a change took away", async () => {
    const base = await repository.commit([], (dir) => writeProject(dir, TINY));
    const next = await repository.commit([base], (dir) =>
      writeProject(dir, {
        tiny: {
          files: tinyApp({
            "src/server/router.test.ts":
              'import { expect, test } from "vitest";\ntest("true", () => expect(true).toBe(true));\ntest.skip("later", () => undefined);\n',
          }),
          contract: { ...TINY_CONTRACT, procedures: TINY_CONTRACT.procedures.slice(0, 1) },
        },
      }),
    );
    const { result } = await verify(await repository.assignment(base, next));
    const title = (gate: string) => result.evidence.find((evidence) => evidence.gate === gate)?.title;
    expect(title("contract")).toContain("no longer declared: procedure notes.add");
    expect(title("tests")).toContain("weakened: src/server/router.test.ts skips 1, 0 before");
  });

  test("leaves out what is known of an app to this same judge, and judges each app where its siblings are not", async () => {
    const alone =
      'import { existsSync } from "node:fs";\nimport { expect, test } from "vitest";\ntest("alone", () => expect(["../tiny", "../../.adorable/spec.json"].some(existsSync)).toBe(false));\n';
    const twin = { files: tinyApp({ "src/alone.test.ts": alone }), contract: TINY_CONTRACT };
    const assignment = await head((dir) => writeProject(dir, { ...TINY, twin }));
    const { judge = "" } = (await verify(await head((dir) => writeTree(dir, { "notes.md": "nothing yet\n" })))).result;
    expect(judge).toMatch(/^[0-9a-f]{64}$/);
    const known = [
      ...VERIFY_GATES.filter((gate) => gate !== "tests").map((gate) => ({ app: "tiny", gate, judge })),
      // Found by others.
      ...VERIFY_GATES.map((gate) => ({ app: "twin", gate, judge: "0".repeat(64) })),
    ];
    const { result } = await verify({ ...assignment, known });
    expect(result.evidence.map(({ app, gate, conclusion }) => `${app ?? ""} ${gate} ${conclusion}`).toSorted()).toEqual(
      ["tiny tests success", ...VERIFY_GATES.map((gate) => `twin ${gate} success`)].toSorted(),
    );
    expect(result).toMatchObject({ judge, reused: VERIFY_GATES.filter((gate) => gate !== "tests").map((gate) => ({ app: "tiny", gate })) });
    expect(Object.keys(result.artifacts)).toEqual(["twin"]);
    expect(JSON.stringify(result)).not.toMatch(/run-verify-test|\/tmp\/|app-twin|app-tiny/);

    const before = controlPlane.databases.length;
    const everything = ["tiny", "twin"].flatMap((app) => VERIFY_GATES.map((gate) => ({ app, gate, judge })));
    const { result: nothing } = await verify({ ...assignment, known: everything });
    expect(nothing).toMatchObject({ evidence: [], artifacts: {}, reused: everything.map(({ app, gate }) => ({ app, gate })) });
    expect(controlPlane.databases).toHaveLength(before);
  });

  test("a project without apps passes, and says so", async () => {
    const { result } = await verify(await head((dir) => writeTree(dir, { "notes.md": "nothing yet\n" })));
    expect(result.evidence.map(({ conclusion, title }) => `${conclusion}: ${title}`)).toEqual(
      VERIFY_GATES.map(() => "success: No app is declared"),
    );
  });

  test.for<[string, (dir: string) => Promise<void>, string]>([
    ["a folder that no app declares", (dir) => writeTree(join(dir, "apps/stray"), tinyApp()), "folder-without-app"],
    [
      "an app without a folder",
      async (dir) => {
        await writeProject(dir, TINY);
        await rm(join(dir, "apps/tiny"), { recursive: true });
      },
      "app-without-folder",
    ],
    ["a spec that is not valid", (dir) => writeTree(dir, { ".adorable/spec.json": '{"version":2}' }), "invalid-spec"],
    [
      "a symbolic link in an app",
      async (dir) => {
        await writeProject(dir, TINY);
        await symlink("/etc/passwd", join(dir, "apps/tiny/src/link.ts"));
      },
      "tree-not-plain",
    ],
  ])("%s fails every gate by name", async ([, fill, code]) => {
    const { result } = await verify(await head(fill));
    expect(result.evidence.map(({ gate, conclusion }) => `${gate} ${conclusion}`)).toEqual(VERIFY_GATES.map((gate) => `${gate} failure`));
    for (const { summary } of result.evidence) expect(summary).toContain(`\`${code}\``);
    expect(result.artifacts).toEqual({});
  });

  test("a tree other than the assigned one, and a merge that conflicts, fail every gate by name", async () => {
    const assignment = await head((dir) => writeProject(dir, TINY));
    const other = await verify({ ...assignment, tree: "0".repeat(40) });
    expect(other.result.evidence.every(({ summary, conclusion }) => conclusion === "failure" && summary.includes("`tree-mismatch`"))).toBe(
      true,
    );

    const [left, right] = await Promise.all(
      ["one", "two"].map((text) => repository.commit([empty], (dir) => writeFile(join(dir, "README.md"), text))),
    );
    const conflict = await verify(await repository.assignment(left ?? "", right ?? ""));
    expect(conflict.result.evidence[0]?.summary).toContain('"README.md" conflict');
  });
});

describe("the quick check", () => {
  test("gives types and modules of a working copy", async () => {
    const dir = join(home, "copy");
    await mkdir(dir);
    await writeProject(dir, { tiny: { files: tinyApp({ "src/shared/a.ts": 'import "./none.ts";\n' }), contract: TINY_CONTRACT } });
    // Another app's folder is none of its business.
    await writeTree(join(dir, "apps/other"), tinyApp());
    const spec = { version: 1 as const, apps: [{ slug: "tiny", name: "Tiny", contract: TINY_CONTRACT }] };
    const evidence = await quickCheck(dir, spec, await verifyTools());
    expect(evidence.map(({ gate, conclusion }) => `${gate} ${conclusion}`)).toEqual(["types failure", "modules failure"]);
    expect(evidence[1]?.annotations).toEqual([{ path: "apps/tiny/src/shared/a.ts", line: 1, message: '"./none.ts" does not exist' }]);
  });
});
