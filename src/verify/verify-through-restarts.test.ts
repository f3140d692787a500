import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { tinyApp, TINY_CONTRACT, TINY_MIGRATION } from "../../test/fixtures/tiny-app.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../../test/support/throwaway-postgres.ts";
import { verifyTools, writeProject } from "../../test/support/verify-bench.ts";
import { startVerifyControlPlane, type VerifyControlPlane } from "../../test/support/verify-control-plane.ts";
import { makeRepository, type TestRepository } from "../../test/support/verify-repository.ts";
import type { VerifyResult } from "../core/runner-protocol.ts";
import { createRunnerClient } from "./runner-client.ts";
import { verifyThroughRestarts } from "./verify-through-restarts.ts";

let home: string;
let postgres: ThrowawayPostgres;
let controlPlane: VerifyControlPlane;
let repository: TestRepository;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "verify-restarts-test-"));
  await chmod(home, 0o755);
  postgres = await startThrowawayPostgres();
  controlPlane = await startVerifyControlPlane(postgres, { tiny: TINY_MIGRATION });
  repository = await makeRepository(home);
});
afterAll(async () => {
  await controlPlane.close();
  await postgres.close();
  await rm(home, { recursive: true, force: true });
});
beforeEach(() => controlPlane.databases.splice(0));

async function verify({ change, attempts }: { change?: Record<string, string>; attempts?: number } = {}): Promise<VerifyResult> {
  const base = await repository.commit([], (dir) => writeProject(dir, {}));
  const head = await repository.commit([base], (dir) => writeProject(dir, { tiny: { files: tinyApp(change), contract: TINY_CONTRACT } }));
  const options = {
    assignment: await repository.assignment(base, head),
    client: createRunnerClient(controlPlane.url, controlPlane.token),
    workDir: await mkdtemp(join(home, "work-")),
    tools: await verifyTools(),
  };
  return verifyThroughRestarts(options, attempts);
}

const red = (result: VerifyResult): string[] => result.evidence.filter((one) => one.conclusion !== "success").map((one) => one.gate);

test("a tree is not red because the control plane was lost on the way", async () => {
  controlPlane.lose(1);

  expect(red(await verify())).toEqual([]);
  // Two for each attempt.
  expect(controlPlane.databases.length).toBe(4);
});

test("a tree that is red by itself is judged once", async () => {
  expect(red(await verify({ change: { "src/server/router.test.ts": "" } }))).toEqual(["tests"]);
  expect(controlPlane.databases.length).toBe(2);
});

test("a tree is red when the control plane is lost each time", async () => {
  controlPlane.lose(1000);

  expect(red(await verify({ attempts: 2 }))).toContain("contract");
  expect(controlPlane.databases.length).toBe(4);
});
