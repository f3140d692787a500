/** What an owner demands of a branch: required checks, and the merge queue, which merges exactly what was checked. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { git, remote, startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
const CHECK = "adorable/types";
const REQUIRED = {
  type: "required_status_checks" as const,
  parameters: { required_status_checks: [{ context: CHECK }, { context: "adorable/tests" }], strict_required_status_checks_policy: false },
};
const QUEUE = {
  type: "merge_queue" as const,
  parameters: {
    check_response_timeout_minutes: 60,
    grouping_strategy: "ALLGREEN" as const,
    max_entries_to_build: 5,
    max_entries_to_merge: 5,
    merge_method: "MERGE" as const,
    min_entries_to_merge: 1,
    min_entries_to_merge_wait_minutes: 5,
  },
};
let world: World;
let clone: string;
let ruleset: number;

beforeAll(async () => {
  world = await startWorld();
  await world.admin("apps", { slug: "adorable", events: ["merge_group", "pull_request", "push"] });
  const folder = await mkdtemp(join(tmpdir(), "forge-queue-"));
  await git(folder, "clone", "-q", remote(world.forge.url, "ann/shop", "wren", "token-wren"), "shop");
  clone = join(folder, "shop");
  const { data } = await world.as("ann").rest.repos.createRepoRuleset({
    ...SHOP,
    name: "Main",
    target: "branch",
    enforcement: "active",
    conditions: { ref_name: { include: ["~DEFAULT_BRANCH"], exclude: [] } },
    rules: [REQUIRED],
  });
  ruleset = data.id;
});
afterAll(async () => {
  await world.close();
  await rm(dirname(clone), { recursive: true, force: true });
});

async function propose(branch: string, files: Record<string, string>): Promise<{ number: number; head: string; id: string }> {
  await git(clone, "fetch", "-q", "origin");
  await git(clone, "checkout", "-q", "-B", branch, "origin/main");
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(clone, path)), { recursive: true });
    await writeFile(join(clone, path), text);
  }
  await git(clone, "add", "-A");
  await git(clone, "commit", "-qm", branch);
  await git(clone, "push", "-q", "origin", branch);
  const { data } = await world.as("wren").rest.pulls.create({ ...SHOP, title: branch, head: branch, base: "main" });
  return { number: data.number, head: data.head.sha, id: data.node_id };
}

async function check(sha: string, conclusions: Record<string, "success" | "failure" | undefined>): Promise<void> {
  const app = await world.asApp();
  for (const [name, conclusion] of Object.entries(conclusions))
    await app.rest.checks.create({
      ...SHOP,
      name,
      head_sha: sha,
      ...(conclusion === undefined ? { status: "in_progress" as const } : { status: "completed" as const, conclusion }),
    });
}
/** The queue works beside the calls. */
const eventually = <T>(look: () => T) => expect.poll(look);
const green = (sha: string) => check(sha, { [CHECK]: "success", "adorable/tests": "success" });

async function enqueue(id: string): Promise<any> {
  return world
    .as("wren")
    .graphql("mutation($input: EnqueuePullRequestInput!) { enqueuePullRequest(input: $input) { mergeQueueEntry { position state } } }", {
      input: { pullRequestId: id },
    });
}
const refusal = async (call: Promise<unknown>): Promise<{ status?: number; message: string }> =>
  call.then(
    () => ({ message: "nothing was refused" }),
    (error: { status?: number; message: string }) => error,
  );
const tipOf = async (branch: string): Promise<string> => (await world.as("wren").rest.repos.getBranch({ ...SHOP, branch })).data.commit.sha;
const groupOf = async (number: number): Promise<any> => {
  await eventually(() => groups(number).length).toBeGreaterThan(0);
  return groups(number).at(-1);
};
const groups = (number: number) =>
  world.receiver
    .of("merge_group", "checks_requested")
    .map((payload) => payload.merge_group)
    .filter((group) => group.head_ref.includes(`/pr-${number}-`));
const destroyed = () =>
  world.receiver.of("merge_group", "destroyed").map(({ reason, merge_group: group }) => `${reason} ${group.head_sha}`);

describe("required checks", () => {
  it("refuse a merge in GitHub's words until they are green on the head", async () => {
    const { number, head } = await propose("checked", { "checked.txt": "1" });
    const merge = () => world.as("wren").rest.pulls.merge({ ...SHOP, pull_number: number });
    const said = async () => (await refusal(merge())).message;

    expect(await refusal(merge())).toMatchObject({ status: 405 });
    expect(await said()).toContain("2 of 2 required status checks are expected.");
    await check(head, { [CHECK]: "success" });
    expect(await said()).toContain('Required status check "adorable/tests" is expected.');
    await check(head, { "adorable/tests": undefined });
    expect(await said()).toContain('Required status check "adorable/tests" is in progress.');
    await check(head, { [CHECK]: "failure", "adorable/tests": "success" });
    expect(await said()).toContain('Required status check "adorable/types" is failing.');
    await green(head);
    expect((await merge()).data.merged).toBe(true);
  });

  it("are an admin's to set", async () => {
    const { status } = await refusal(world.as("wren").rest.repos.deleteRepoRuleset({ ...SHOP, ruleset_id: ruleset }));
    expect(status).toBe(403);
    const rules = (await world.as("wren").rest.repos.getBranchRules({ ...SHOP, branch: "main" })).data;
    expect(rules.map((rule) => rule.type)).toEqual(["required_status_checks"]);
  });
});

describe("the merge queue", () => {
  beforeAll(async () => {
    await world.as("ann").rest.repos.updateRepoRuleset({
      ...SHOP,
      ruleset_id: ruleset,
      rules: [REQUIRED, QUEUE],
      name: "Main",
      enforcement: "active",
      conditions: { ref_name: { include: ["~DEFAULT_BRANCH"], exclude: [] } },
    });
  });

  it("is the only way to merge, once a pull request's own checks are green", async () => {
    const { number, head, id } = await propose("queued", { "queued.txt": "1" });
    expect((await refusal(enqueue(id))).message).toContain("2 of 2 required status checks are expected.");
    await green(head);
    const direct = await refusal(world.as("wren").rest.pulls.merge({ ...SHOP, pull_number: number }));
    expect(direct.status).toBe(405);
    expect(direct.message).toContain("Changes must be made through the merge queue");

    const base = await tipOf("main");
    expect((await enqueue(id)).enqueuePullRequest.mergeQueueEntry).toMatchObject({ position: 1 });
    const group = await groupOf(number);
    expect(group).toMatchObject({ base_sha: base, base_ref: "refs/heads/main" });
    expect(group.head_ref).toBe(`refs/heads/gh-readonly-queue/main/pr-${number}-${base}`);
    expect(await tipOf(`gh-readonly-queue/main/pr-${number}-${base}`)).toBe(group.head_sha);
    expect(await tipOf("main")).toBe(base);
    expect(world.receiver.of("pull_request", "enqueued").at(-1)).toMatchObject({ number, sender: { login: "wren" } });

    await green(group.head_sha);
    await eventually(() => tipOf("main")).toBe(group.head_sha);
    await eventually(destroyed).toContain(`merged ${group.head_sha}`);
    const { data } = await world.as("wren").rest.pulls.get({ ...SHOP, pull_number: number });
    expect(data).toMatchObject({ merged: true, merge_commit_sha: group.head_sha, merged_by: { login: "github-merge-queue[bot]" } });
    const events = (await world.as("wren").rest.issues.listEvents({ ...SHOP, issue_number: number })).data;
    expect(events.filter((one) => one.event === "added_to_merge_queue").map((one) => one.actor?.login)).toEqual(["wren"]);
    const [newest] = (await world.as("wren").rest.repos.listActivities({ ...SHOP, ref: "main" })).data;
    expect(newest).toMatchObject({ activity_type: "merge_queue_merge", before: base, after: group.head_sha });
    expect((await refusal(tipOf(`gh-readonly-queue/main/pr-${number}-${base}`))).status).toBe(404);
  });

  it("takes out what is red, says so, and makes anew what stood behind it", async () => {
    const red = await propose("red", { "red.txt": "1" });
    const behind = await propose("behind", { "behind.txt": "1" });
    for (const { head, id } of [red, behind]) {
      await green(head);
      await enqueue(id);
    }
    const base = await tipOf("main");
    const first = await groupOf(red.number);
    const stacked = await groupOf(behind.number);
    expect(stacked.base_sha).toBe(first.head_sha);

    await check(first.head_sha, { [CHECK]: "failure" });
    await eventually(() => groups(behind.number).length).toBe(2);
    const anew = await groupOf(behind.number);
    expect(anew.base_sha).toBe(base);
    expect(destroyed()).toEqual(expect.arrayContaining([`dequeued ${first.head_sha}`, `invalidated ${stacked.head_sha}`]));
    await eventually(() => world.receiver.of("pull_request", "dequeued").map(({ number, reason }) => `${number} ${reason}`)).toContain(
      `${red.number} CI_FAILURE`,
    );

    await green(anew.head_sha);
    await eventually(() => tipOf("main")).toBe(anew.head_sha);
    const { data } = await world.as("wren").rest.pulls.get({ ...SHOP, pull_number: red.number });
    expect(data).toMatchObject({ state: "open", merged: false });
  });

  it("takes out what conflicts, and what gets new commits", async () => {
    const first = await propose("one", { "same.txt": "one" });
    const second = await propose("two", { "same.txt": "two" });
    for (const { head } of [first, second]) await green(head);
    await enqueue(first.id);
    await enqueue(second.id);
    const reasons = () => world.receiver.of("pull_request", "dequeued").map(({ number, reason }) => `${number} ${reason}`);
    await eventually(reasons).toContain(`${second.number} MERGE_CONFLICT`);

    const group = await groupOf(first.number);
    await git(clone, "checkout", "-q", "one");
    await writeFile(join(clone, "more.txt"), "more");
    await git(clone, "add", "-A");
    await git(clone, "commit", "-qm", "more");
    await git(clone, "push", "-q", "origin", "one");
    await eventually(reasons).toContain(`${first.number} MANUAL`);
    await eventually(destroyed).toContain(`dequeued ${group.head_sha}`);
  });

  it("is left by hand, and what stood behind is made anew", async () => {
    const [leaving, staying] = [await propose("leaving", { "leaving.txt": "1" }), await propose("staying", { "staying.txt": "1" })];
    for (const { head, id } of [leaving, staying]) {
      await green(head);
      await enqueue(id);
    }
    const group = await groupOf(leaving.number);
    await eventually(() => groups(staying.number).length).toBe(1);
    const base = await tipOf("main");
    const leave = (login: string): Promise<any> =>
      world
        .as(login)
        .graphql("mutation($input: DequeuePullRequestInput!) { dequeuePullRequest(input: $input) { mergeQueueEntry { id } } }", {
          input: { id: leaving.id },
        });
    expect((await refusal(leave("rita"))).message).toContain("push access");

    await leave("ann");

    expect((await refusal(leave("ann"))).message).toContain("not in the merge queue");
    await eventually(() => world.receiver.of("pull_request", "dequeued").at(-1)).toMatchObject({
      number: leaving.number,
      reason: "MANUAL",
      sender: { login: "ann" },
    });
    await eventually(destroyed).toContain(`dequeued ${group.head_sha}`);
    await eventually(() => groups(staying.number).at(-1).base_sha).toBe(base);
    await green(groups(staying.number).at(-1).head_sha);
    await eventually(() => tipOf("main")).toBe(groups(staying.number).at(-1).head_sha);
  });

  it("takes out what its required checks do not answer in time, counted from when they were asked for, restarts included", async () => {
    const { head, id, number } = await propose("silent", { "silent.txt": "1" });
    await green(head);
    await enqueue(id);
    const group = await groupOf(number);
    await check(group.head_sha, { [CHECK]: "success", "adorable/tests": undefined });
    const since = Date.now() - QUEUE.parameters.check_response_timeout_minutes * 60_000 + 2500;
    world.forge.core.db.run("update queueEntries set requestedAt = ?", new Date(since).toISOString());
    const reasons = () => world.receiver.of("pull_request", "dequeued").map(({ number: of, reason }) => `${of} ${reason}`);

    await world.restart();

    expect(reasons()).not.toContain(`${number} CI_TIMEOUT`);
    await eventually(reasons).toContain(`${number} CI_TIMEOUT`);
    await eventually(destroyed).toContain(`dequeued ${group.head_sha}`);
  });

  it("goes on after a restart", async () => {
    const { head, id, number } = await propose("later", { "later.txt": "1" });
    await green(head);
    await enqueue(id);
    const group = await groupOf(number);
    await world.restart();
    await green(group.head_sha);
    await eventually(() => tipOf("main")).toBe(group.head_sha);
  });
});
