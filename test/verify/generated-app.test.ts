/** Apps that the built-in model renders, before every gate of the runner: on real git, PostgreSQL, HTTP and a real browser. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BLUEPRINTS, blueprintOf } from "../../src/models/blueprint/catalog.ts";
import type { AppModel } from "../../src/models/blueprint/entity-model.ts";
import { renderCreateMigration } from "../../src/models/blueprint/render/migrations.ts";
import { contractOf, hueFor, renderApp } from "../../src/models/blueprint/render/render-app.ts";
import { createRunnerClient } from "../../src/verify/runner-client.ts";
import { runVerify, VERIFY_GATES } from "../../src/verify/run-verify.ts";
import { randomAppModel } from "../support/random-app-model.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../support/throwaway-postgres.ts";
import { verifyTools, writeProject, type BenchApp } from "../support/verify-bench.ts";
import { startVerifyControlPlane, type VerifyControlPlane } from "../support/verify-control-plane.ts";
import { makeRepository } from "../support/verify-repository.ts";

/** Every blueprint and one app with names that nobody chose; `RANDOM_APPS` tries more. */
const SEEDS = Array.from({ length: Number(process.env["RANDOM_APPS"] ?? "1") }, (_, index) => index + 8);
const models: AppModel[] = [
  ...BLUEPRINTS.map((slug) => ({ slug, hue: hueFor(slug), ...blueprintOf(slug, new Date()) })),
  ...SEEDS.map((seed) => randomAppModel(seed)),
];

interface Rendered extends BenchApp {
  slug: string;
  sql: string;
}

const apps: Rendered[] = models.map((model) => {
  const migration = renderCreateMigration(model, "20260101000000");
  const files = { ...Object.fromEntries(renderApp(model)), [migration.path]: migration.sql };
  return { slug: model.slug, files, contract: contractOf(model), sql: `${migration.sql}; ${files["db/seed.sql"] ?? ""}` };
});

let home: string;
let postgres: ThrowawayPostgres;
let controlPlane: VerifyControlPlane;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "generated-app-test-"));
  await chmod(home, 0o755);
  postgres = await startThrowawayPostgres();
  controlPlane = await startVerifyControlPlane(postgres, Object.fromEntries(apps.map(({ slug, sql }) => [slug, sql])));
});
afterAll(async () => {
  await controlPlane.close();
  await postgres.close();
  await rm(home, { recursive: true, force: true });
});

test.each(apps)("the rendered $slug passes every gate and gives an artifact", async ({ slug, files, contract }) => {
  const folder = join(home, slug);
  const repository = await makeRepository(folder);
  const base = await repository.commit([], (dir) => writeFile(join(dir, "README.md"), "A project.\n"));
  const head = await repository.commit([base], async (dir) => {
    await writeFile(join(dir, "README.md"), "A project.\n");
    await writeProject(dir, { [slug]: { files, contract } });
  });
  const result = await runVerify({
    assignment: await repository.assignment(base, head),
    client: createRunnerClient(controlPlane.url, controlPlane.token),
    workDir: join(folder, "work"),
    tools: await verifyTools(),
  });
  expect(
    result.evidence.map(({ gate, conclusion, title }) => `${gate} ${conclusion}${conclusion === "success" ? "" : `: ${title}`}`),
  ).toEqual(VERIFY_GATES.map((gate) => `${gate} success`));
  expect(controlPlane.files.get(result.artifacts[slug] ?? "")?.length).toBeGreaterThan(10_000);
}, 240_000);
