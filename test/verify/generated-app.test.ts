/** Apps that the built-in model renders, before every gate of the runner: on real git, PostgreSQL, HTTP and a real browser. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BLUEPRINTS, blueprintOf } from "../../src/models/blueprint/catalog.ts";
import type { AppModel } from "../../src/models/blueprint/entity-model.ts";
import { changeModel, type ChangedModel } from "../../src/models/blueprint/model-changes.ts";
import { renderCreateMigration } from "../../src/models/blueprint/render/migrations.ts";
import { contractOf, hueFor, renderApp } from "../../src/models/blueprint/render/render-app.ts";
import { createRunnerClient } from "../../src/verify/runner-client.ts";
import { runVerify, VERIFY_GATES } from "../../src/verify/run-verify.ts";
import { randomAppModel } from "../support/random-app-model.ts";
import { randomChange } from "../support/random-model-change.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../support/throwaway-postgres.ts";
import { verifyTools, writeProject, type BenchApp } from "../support/verify-bench.ts";
import { startVerifyControlPlane, type VerifyControlPlane } from "../support/verify-control-plane.ts";
import { makeRepository } from "../support/verify-repository.ts";

interface Rendered extends BenchApp {
  slug: string;
  sql: string;
}

/** Apps with names that nobody chose, which were changed since they were made; `RANDOM_APPS` tries more. */
const SEEDS = Array.from({ length: Number(process.env["RANDOM_APPS"] ?? "1") }, (_, index) => index + 10);

const apps: Rendered[] = [
  ...BLUEPRINTS.map((slug) => rendered({ slug, hue: hueFor(slug), ...blueprintOf(slug, new Date()) })),
  ...SEEDS.map((seed) => {
    const before = randomAppModel(seed);
    return rendered(before, changeModel(before, [randomChange(before, seed)], "20260202000000"));
  }),
];

function rendered(made: AppModel, changed: ChangedModel = { model: made, notes: [] }): Rendered {
  const migrations = [renderCreateMigration(made, "20260101000000"), ...(changed.migration ? [changed.migration] : [])];
  const files = {
    ...Object.fromEntries(renderApp(changed.model)),
    ...Object.fromEntries(migrations.map(({ path, sql }) => [path, sql])),
  };
  const [create = "", ...later] = migrations.map(({ sql }) => sql);
  return {
    slug: made.slug,
    files,
    contract: contractOf(changed.model),
    sql: [create, renderApp(made).get("db/seed.sql") ?? "", ...later].join(";\n"),
  };
}

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

test.each(apps)(
  "the rendered $slug passes every gate and gives an artifact",
  async ({ slug, files, contract }) => {
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
  },
  240_000,
);
