/** The app that the built-in model renders, before every gate of the runner: on real git, PostgreSQL, HTTP and a real browser. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BLOG_DESCRIPTION, POST } from "../../src/models/blueprint/blog.ts";
import { renderCreateMigration } from "../../src/models/blueprint/render/migrations.ts";
import { contractOf, hueFor, renderApp } from "../../src/models/blueprint/render/render-app.ts";
import { createRunnerClient } from "../../src/verify/runner-client.ts";
import { runVerify, VERIFY_GATES } from "../../src/verify/run-verify.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../support/throwaway-postgres.ts";
import { verifyTools, writeProject } from "../support/verify-bench.ts";
import { startVerifyControlPlane, type VerifyControlPlane } from "../support/verify-control-plane.ts";
import { makeRepository } from "../support/verify-repository.ts";

const model = { slug: "blog", name: "Blog", description: BLOG_DESCRIPTION, hue: hueFor("blog"), entities: [POST] };
const migration = renderCreateMigration(model, "20260101000000");
const files = { ...Object.fromEntries(renderApp(model)), [migration.path]: migration.sql };

let home: string;
let postgres: ThrowawayPostgres;
let controlPlane: VerifyControlPlane;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "generated-app-test-"));
  await chmod(home, 0o755);
  postgres = await startThrowawayPostgres();
  controlPlane = await startVerifyControlPlane(postgres, { blog: `${migration.sql}; ${files["db/seed.sql"] ?? ""}` });
});
afterAll(async () => {
  await controlPlane.close();
  await postgres.close();
  await rm(home, { recursive: true, force: true });
});

test("a rendered blog passes every gate and gives an artifact", async () => {
  const repository = await makeRepository(home);
  const base = await repository.commit([], (dir) => writeFile(join(dir, "README.md"), "A project.\n"));
  const head = await repository.commit([base], async (dir) => {
    await writeFile(join(dir, "README.md"), "A project.\n");
    await writeProject(dir, { blog: { files, contract: contractOf(model) } });
  });
  const result = await runVerify({
    assignment: await repository.assignment(base, head),
    client: createRunnerClient(controlPlane.url, controlPlane.token),
    workDir: join(home, "work"),
    tools: await verifyTools(),
  });
  expect(
    result.evidence.map(({ gate, conclusion, title }) => `${gate} ${conclusion}${conclusion === "success" ? "" : `: ${title}`}`),
  ).toEqual(VERIFY_GATES.map((gate) => `${gate} success`));
  expect(controlPlane.files.get(result.artifacts["blog"] ?? "")?.length).toBeGreaterThan(10_000);
});
