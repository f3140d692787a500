/** What an interrupted pass left behind goes with the next one, and nothing else does. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sayChecksAgain } from "../../src/change/checks.ts";
import { openFork } from "../../src/change/forks.ts";
import { GATES } from "../../src/core/evidence.ts";
import { newId, type CommitId, type EnvironmentId, type RunId, type TimelineId } from "../../src/core/ids.ts";
import { endpointName } from "../../src/core/names.ts";
import { findEnvironment } from "../../src/store/releases.ts";
import { listResources, recordResource } from "../../src/store/projects.ts";
import { findChange, saveChange, updateChange } from "../../src/store/changes.ts";
import { advanceRun, createRun, findRun, setWorkflowRun } from "../../src/store/runs.ts";
import { openControlPlane, PRODUCTION, type ControlPlane } from "../support/control-plane.ts";

describe("a pass", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await openControlPlane();
    await plane.release();
  });
  afterAll(() => plane?.[Symbol.asyncDispose]());

  test("removes the environment and the forks that an interrupted one left behind, and nothing that is in use", async () => {
    const { platform } = plane;
    const { id } = await plane.project();
    const production = await findEnvironment(platform.store, id, endpointName(id, PRODUCTION));
    const left = newId<EnvironmentId>("env");
    await recordResource(platform.store, id, "environment", left);
    await platform.runtime.ensure({ id: left, project: id, apps: [] });
    const timeline = production?.timeline as NonNullable<typeof production>["timeline"];
    await openFork(platform, id, "gate_0123456789abcdef", { timeline, lsn: await platform.database.head(timeline) });

    await plane.settle();

    expect((await platform.runtime.list()).map((one) => one.id)).toEqual(Object.values(production?.apps ?? {}));
    const known = (await listResources(platform.store, id)).filter((one) => one.kind !== "artifact").map((one) => one.id);
    expect(known).toEqual(expect.arrayContaining(Object.values(production?.apps ?? { none: "none" })));
    expect(known).not.toContain(left);
    expect(known.filter((one) => /^(fork|tmp)_/.test(one))).toEqual([]);
    expect((await platform.database.listTimelines()).map((one) => one.id)).toContain(timeline);
  });

  test("over a change in which nothing is new leaves its database asleep and says no check twice, unless it is asked to", async () => {
    const { platform } = plane;
    const { id } = await plane.project();
    const head: CommitId = await plane.commit({ "apps/blog/b.txt": "1" }, "change-7");
    await saveChange(platform.store, {
      id: newId("chg"),
      project_id: id,
      kind: "pull-request",
      issue_number: null,
      pull_number: 7,
      git_branch: "change-7",
    });
    await plane.settle();
    const environments = (await platform.runtime.list()).length;
    expect(environments).toBe(2);

    const endpoint = endpointName(id, { kind: "change", number: 7 });
    const { credential } = platform.database;
    let connections = 0;
    platform.database.credential = (name, role) => {
      if (name === endpoint) connections += 1;
      return credential.call(platform.database, name, role);
    };
    const { said } = plane.github;
    const checks = (): unknown[] => said.filter((one) => one.on === head);
    expect(checks()).toHaveLength(GATES.length);
    await plane.settle();
    expect(connections).toBe(0);
    expect(checks()).toHaveLength(GATES.length);

    sayChecksAgain(platform);
    await plane.settle();
    expect(checks()).toHaveLength(2 * GATES.length);
  });

  test("that dispatched a run twice does not take it from the runner that has its session", async () => {
    const { store } = plane.platform;
    const id = newId<RunId>("run");
    await createRun(store, {
      id,
      project_id: (await plane.project()).id,
      kind: "verify",
      request_id: null,
      change_id: null,
      assignment: {
        kind: "verify",
        runId: id,
        repository: { fullName: "ada/journal", cloneUrl: "", defaultBranch: "main" },
        baseCommit: "",
        headCommit: "",
        tree: "",
      },
    });
    await setWorkflowRun(store, id, 1);
    await advanceRun(store, id, "queued", "running", { workflow_run_id: 1 });
    await setWorkflowRun(store, id, 2);

    expect(await findRun(store, id)).toMatchObject({ workflow_run_id: 1 });
    await advanceRun(store, id, "running", "cancelled");
  });

  test("lets go of the data of a change that was closed a week ago, unless a release refers to it", async () => {
    const { store, database } = plane.platform;
    const { id } = await plane.project();
    const timelines = async () => (await database.listTimelines()).map((one) => one.id);
    const change = await saveChange(store, {
      id: newId("chg"),
      project_id: id,
      kind: "pull-request",
      issue_number: null,
      pull_number: 9,
      git_branch: "change-9",
    });
    const timeline = newId<TimelineId>("tml");
    await database.createTimeline(timeline);
    await recordResource(store, id, "timeline", timeline);
    await updateChange(store, change.id, { state: "closed", timeline });
    await plane.settle();
    expect(await timelines()).toContain(timeline);

    const production = await findEnvironment(store, id, endpointName(id, PRODUCTION));
    await store.rows("update changes set closed_at = closed_at - interval '8 days' where closed_at is not null");
    await plane.settle();
    expect(await timelines()).not.toContain(timeline);
    expect(await timelines()).toContain(production?.timeline);
    expect((await findChange(store, change.id))?.timeline).toBeNull();
  });
});
