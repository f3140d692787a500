import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VerifyTools } from "./gate.ts";
import { judgeDigest } from "./judge.ts";

let home: string;
let tools: VerifyTools;
let code: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "judge-"));
  await writeFile(join(home, "package-lock.json"), "{}\n");
  tools = { platformRoot: home, modulesDir: join(home, "abc/node_modules"), browserCacheDir: join(home, "browser") };
  for (const folder of ["verify", "process", "core"]) {
    await mkdir(join(home, "src"), { recursive: true });
    await cp(join(import.meta.dirname, "..", folder), join(home, "src", folder), { recursive: true });
  }
  code = join(home, "src/verify");
});
afterAll(() => rm(home, { recursive: true, force: true }));

test("a judge is the same until its gates, its tools, the apps' packages or its isolation are others", async () => {
  const digest = () => judgeDigest(tools, "uid", code);
  const first = await digest();
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(await digest()).toBe(first);
  expect(await judgeDigest(tools, "none", code)).not.toBe(first);
  expect(await judgeDigest({ ...tools, modulesDir: join(home, "def/node_modules") }, "uid", code)).not.toBe(first);

  await writeFile(join(code, "types-gate.test.ts"), "// Tests judge nothing.\n");
  expect(await digest()).toBe(first);
  await writeFile(join(code, "types-gate.ts"), "// Another version of the gate.\n");
  const changedGate = await digest();
  expect(changedGate).not.toBe(first);
  await writeFile(join(home, "src/process/modules.ts"), "// What the gate imports.\n");
  expect(await digest()).not.toBe(changedGate);

  await writeFile(join(home, "package-lock.json"), '{"lockfileVersion":3}\n');
  const changedLock = await digest();
  expect(changedLock).not.toBe(changedGate);
});

test("nothing can be said of tools without a lock", async () => {
  expect(await judgeDigest({ ...tools, platformRoot: code }, "uid", code)).toBeUndefined();
});
