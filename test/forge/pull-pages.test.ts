/** What can be done with a pull request on its pages, without a browser: the queue, its checks again, drafts. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startScene, type Scene } from "../browser/forge-scene.ts";
import { visit, type Visitor } from "./visitor.ts";

const SHOP = { owner: "ann", repo: "shop" };
let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene?.close());

const visitor = (login: string): Promise<Visitor> => visit(scene, login);

function pull(number: number) {
  const { state } = scene.world.forge.core;
  return state.pull(state.repository("ann", "shop")?.id ?? 0, number);
}

describe("on its page", () => {
  test("required checks hold a pull request, and the merge queue takes it when they are green", async () => {
    const ann = await visitor("ann");
    const { rest } = scene.world.as("ann");
    const path = `/ann/shop/pull/${scene.queued}`;
    const { data: rules } = await rest.repos.createRepoRuleset({
      ...SHOP,
      name: "main",
      enforcement: "active",
      conditions: { ref_name: { include: ["~DEFAULT_BRANCH"], exclude: [] } },
      rules: [
        {
          type: "required_status_checks",
          parameters: { required_status_checks: [{ context: "adorable/types" }], strict_required_status_checks_policy: false },
        },
        {
          type: "merge_queue",
          parameters: {
            check_response_timeout_minutes: 60,
            grouping_strategy: "ALLGREEN",
            max_entries_to_build: 5,
            max_entries_to_merge: 5,
            merge_method: "MERGE",
            min_entries_to_merge: 1,
            min_entries_to_merge_wait_minutes: 5,
          },
        },
      ],
    });
    const held = (await ann.get(path)).text;
    expect(held).toContain("Waiting for required checks");
    expect(held).not.toContain(`action="${path}/queue"`);
    expect(held).not.toContain(`action="${path}/merge"`);
    const sha = pull(scene.queued)?.headSha ?? "";
    const app = await scene.world.asApp();
    await app.rest.checks.create({ ...SHOP, name: "adorable/types", head_sha: sha, status: "completed", conclusion: "success" });
    expect((await ann.post(`${path}/queue`, await ann.form(path, `${path}/queue`))).status).toBe(303);
    const queued = (await ann.get(path)).text;
    expect(queued).toContain("In the merge queue");
    expect(queued).toContain("Remove from the queue");
    expect((await ann.post(`${path}/queue`, { ...(await ann.form(path, `${path}/queue`)), do: "leave" })).status).toBe(303);
    expect((await ann.get(path)).text).not.toContain("In the merge queue");
    expect((await ann.post(`${path}/queue`, await ann.form(path, `${path}/queue`))).status).toBe(303);
    await rest.repos.deleteRepoRuleset({ ...SHOP, ruleset_id: rules.id });
    await expect.poll(async () => (await ann.get(path)).text).toContain(`action="${path}/merge"`);
  });

  test("writers ask an App for one of its checks again, or for all of them, and readers cannot", async () => {
    const [wren, rita] = [await visitor("wren"), await visitor("rita")];
    const { state } = scene.world.forge.core;
    const checks = `/ann/shop/pull/${scene.merged}/checks`;
    const { headSha = "", repositoryId = 0 } = pull(scene.merged) ?? {};
    const [check] = state.checkRuns(repositoryId, headSha).items;
    const suite = state.checkSuiteOf(repositoryId, check?.appId ?? 0, headSha);
    const [one, all] = [`/ann/shop/runs/${check?.id}/rerun`, `/ann/shop/suites/${suite?.id}/rerun`];
    expect((await rita.get(checks)).text).not.toContain("Re-run");
    const fields = await wren.form(checks, one);
    expect((await rita.post(one, await rita.form("/", "/logout"))).status).toBe(403);

    expect(await wren.post(one, fields)).toMatchObject({ status: 303, location: `/ann/shop/runs/${check?.id}` });

    const { received } = scene.world.receiver;
    const asked = () =>
      received.filter(({ payload }) => payload.action === "rerequested").map(({ event, payload }) => [event, payload.sender.login]);
    await expect.poll(asked).toEqual([["check_run", "wren"]]);
    expect((await wren.get(checks)).text).toContain("Asked to run again");
    expect((await wren.get(checks)).text).not.toContain(`action="${all}"`);
    // What is asked for again shows when the App has begun.
    const app = await scene.world.asApp();
    await app.rest.checks.create({ ...SHOP, name: check?.name ?? "", head_sha: headSha, conclusion: "success" });
    expect((await wren.post(all, await wren.form(checks, all))).status).toBe(303);
    await expect.poll(asked).toContainEqual(["check_suite", "wren"]);
  });

  test("an author makes a pull request a draft and marks it as ready, and its page says what merging closes", async () => {
    const rita = await visitor("rita");
    const { data: issue } = await scene.world.as("rita").rest.issues.create({ ...SHOP, title: "Notes are wanted" });
    const { data: branch } = await scene.world.as("ann").rest.repos.getBranch({ ...SHOP, branch: "main" });
    const { rest } = scene.world.as("wren");
    await rest.git.createRef({ ...SHOP, ref: "refs/heads/drafted", sha: branch.commit.sha });
    await rest.repos.createOrUpdateFileContents({ ...SHOP, path: "D.md", branch: "drafted", message: "D", content: "RA==" });
    const body = `Closes #${issue.number}.`;
    const { data } = await scene.world.as("rita").rest.pulls.create({ ...SHOP, title: "Drafted", head: "drafted", base: "main", body });
    const path = `/ann/shop/pull/${data.number}`;
    const text = (await rita.get(path)).text;
    expect(text).toContain("Closes when merged");
    expect(text).toContain(`href="/ann/shop/issues/${issue.number}">Notes are wanted`);

    const fields = await rita.form(path, `${path}/draft`);
    expect((await rita.post(`${path}/draft`, { ...fields, draft: "yes" })).status).toBe(303);
    expect((await rita.get(path)).text).toContain("Ready for review");
    expect(pull(data.number)?.isDraft).toBe(true);
    expect((await rita.post(`${path}/draft`, { ...fields, draft: "no" })).status).toBe(303);
    expect(pull(data.number)?.isDraft).toBe(false);

    await rest.pulls.merge({ ...SHOP, pull_number: data.number });
    const closed = (await rita.get(`/ann/shop/issues/${issue.number}`)).text.replaceAll(/<[^>]+>/g, "").replaceAll(/\s+/g, " ");
    expect(closed).toContain(`wren closed this as done in #${data.number}`);
  });
});
