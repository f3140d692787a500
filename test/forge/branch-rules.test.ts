/** What the rules of a branch refuse, wherever it is moved from, and who may pass over them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { git, gitTold, remote, startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
const RULES = { name: "Main", enforcement: "active" as const, conditions: { ref_name: { include: ["~DEFAULT_BRANCH"], exclude: [] } } };
const BY_PULL = {
  type: "pull_request" as const,
  parameters: {
    dismiss_stale_reviews_on_push: false,
    require_code_owner_review: false,
    require_last_push_approval: false,
    required_approving_review_count: 1,
    required_review_thread_resolution: false,
    allowed_merge_methods: ["squash" as const],
  },
};
const BY_PULL_TEXT = "Changes must be made through a pull request.";
const ADMINS = { actor_type: "RepositoryRole" as const, actor_id: 5, bypass_mode: "always" as const };
let world: World;
let clone: string;
let ruleset: number;

beforeAll(async () => {
  world = await startWorld();
  const folder = await mkdtemp(join(tmpdir(), "forge-rules-"));
  await git(folder, "clone", "-q", remote(world.forge.url, "ann/shop", "wren", "token-wren"), "shop");
  clone = join(folder, "shop");
  ruleset = (await world.as("ann").rest.repos.createRepoRuleset({ ...SHOP, ...RULES, rules: [BY_PULL] })).data.id;
});
afterAll(async () => {
  await world.close();
  await rm(dirname(clone), { recursive: true, force: true });
});

type Changes = Parameters<ReturnType<World["as"]>["rest"]["repos"]["updateRepoRuleset"]>[0];
const rule = (changes: Partial<Changes>) =>
  world.as("ann").rest.repos.updateRepoRuleset({ ...SHOP, ruleset_id: ruleset, ...RULES, bypass_actors: [], ...changes } as Changes);

/** One commit more than main has; what the push of it was told. */
async function push(login: string, to: string, ...options: string[]): Promise<{ out: string; sha: string }> {
  await git(clone, "fetch", "-q", "origin");
  await git(clone, "checkout", "-q", "--detach", "origin/main");
  await writeFile(join(clone, "note.txt"), `${login} ${to} ${Math.random()}`);
  await git(clone, "add", "-A");
  await git(clone, "commit", "-qm", "Note");
  return { out: await send(login, `HEAD:${to}`, ...options), sha: await git(clone, "rev-parse", "HEAD") };
}

async function send(login: string, ...refspecs: string[]): Promise<string> {
  const url = remote(
    world.forge.url,
    "ann/shop",
    login === "app" ? "x-access-token" : login,
    login === "app" ? await world.appToken() : `token-${login}`,
  );
  return gitTold(clone, "push", url, ...refspecs);
}

const tip = async (branch = "main"): Promise<string> => (await world.as("wren").rest.repos.getBranch({ ...SHOP, branch })).data.commit.sha;
const refusal = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "nothing was refused",
    (error: { status: number; message: string }) => `${error.status} ${error.message}`,
  );

describe("a branch that takes pull requests only", () => {
  it("refuses a push in GitHub's words and moves nothing, whoever pushes, and lets other branches be", async () => {
    const before = await tip();
    for (const login of ["wren", "ann", "app"]) {
      const { out } = await push(login, "main");
      expect(out).toContain("GH013: Repository rule violations found for refs/heads/main.");
      expect(out).toContain(`- ${BY_PULL_TEXT}`);
      expect(out).toContain("[remote rejected]");
    }
    expect(await tip()).toBe(before);
    const { out, sha } = await push("wren", "refs/heads/other");
    expect(out).not.toContain("violations");
    expect(await tip("other")).toBe(sha);
    // All that one push asks for, or nothing of it.
    await push("wren", "main", "HEAD:refs/heads/beside");
    expect((await refusal(tip("beside"))).slice(0, 3)).toBe("404");
  });

  it("refuses writes over the API too", async () => {
    const { sha } = await push("wren", "refs/heads/api");
    const wren = world.as("wren");
    const file = { path: "a.txt", message: "A", content: "YQ==" };
    expect(await refusal(wren.rest.git.updateRef({ ...SHOP, ref: "heads/main", sha }))).toMatch(/^422 Repository rule violations found/);
    expect(await refusal(wren.rest.repos.createOrUpdateFileContents({ ...SHOP, ...file }))).toMatch(/^409 [^]*Changes must be made/);
    expect((await wren.rest.repos.createOrUpdateFileContents({ ...SHOP, ...file, branch: "api" })).status).toBe(201);
  });

  it("merges what enough writers approved, by the methods that it names", async () => {
    await push("wren", "refs/heads/proposed");
    const { data: pull } = await world.as("wren").rest.pulls.create({ ...SHOP, title: "Proposed", head: "proposed", base: "main" });
    const merge = (merge_method: "merge" | "squash") =>
      world.as("wren").rest.pulls.merge({ ...SHOP, pull_number: pull.number, merge_method });
    const review = (login: string, event: "APPROVE" | "REQUEST_CHANGES") =>
      world.as(login).rest.pulls.createReview({ ...SHOP, pull_number: pull.number, event, body: "Read." });
    await review("rita", "APPROVE");
    expect(await refusal(merge("squash"))).toContain("At least 1 approving review is required by reviewers with write access.");
    await review("ann", "APPROVE");
    expect(await refusal(merge("merge"))).toContain("Merge commits are not allowed");
    await review("ann", "REQUEST_CHANGES");
    expect(await refusal(merge("squash"))).toContain("At least 1 approving review");
    await review("ann", "APPROVE");
    expect((await merge("squash")).data.merged).toBe(true);
  });

  it("is passed over by admins and by an App where its list names them, who are told so", async () => {
    await rule({ rules: [BY_PULL], bypass_actors: [ADMINS, { actor_type: "Integration", actor_id: world.app.id, bypass_mode: "always" }] });
    for (const login of ["ann", "app"]) {
      const { out, sha } = await push(login, "main");
      expect(out).toContain("Bypassed rule violations for refs/heads/main:");
      expect(out).toContain(`- ${BY_PULL_TEXT}`);
      expect(await tip()).toBe(sha);
    }
    expect((await push("wren", "main")).out).toContain("GH013");
    const seen = async (login: string) => (await world.as(login).rest.repos.getRepoRuleset({ ...SHOP, ruleset_id: ruleset })).data;
    expect(await seen("ann")).toMatchObject({ current_user_can_bypass: "always", bypass_actors: [ADMINS, { actor_type: "Integration" }] });
    expect(await seen("wren")).toMatchObject({ current_user_can_bypass: "never" });
    expect((await seen("wren")).bypass_actors).toBeUndefined();
  });

  it("is passed over for merges alone by those whose bypass says so", async () => {
    await rule({ rules: [BY_PULL], bypass_actors: [{ ...ADMINS, bypass_mode: "pull_request" }] });
    expect((await push("ann", "main")).out).toContain("GH013");
    await push("wren", "refs/heads/hurried");
    const { data: pull } = await world.as("wren").rest.pulls.create({ ...SHOP, title: "Hurried", head: "hurried", base: "main" });
    expect(await refusal(world.as("wren").rest.pulls.merge({ ...SHOP, pull_number: pull.number, merge_method: "squash" }))).toMatch(/^405/);
    expect((await world.as("ann").rest.pulls.merge({ ...SHOP, pull_number: pull.number })).data.merged).toBe(true);
  });
});

describe("a branch", () => {
  it("with required checks takes the commits on which they are green, and no other", async () => {
    const required = { required_status_checks: [{ context: "tests" }], strict_required_status_checks_policy: false };
    await rule({ rules: [{ type: "required_status_checks", parameters: required }] });
    const { out } = await push("wren", "main");
    expect(out).toContain('- Required status check "tests" is expected.');
    const { sha } = await push("wren", "refs/heads/checked");
    await (await world.asApp()).rest.checks.create({ ...SHOP, name: "tests", head_sha: sha, status: "completed", conclusion: "success" });
    await send("wren", `${sha}:main`);
    expect(await tip()).toBe(sha);
  });

  it("that may lose no commit, and not go, does neither by push nor over the API", async () => {
    await rule({
      rules: [{ type: "non_fast_forward" }, { type: "deletion" }],
      conditions: { ref_name: { include: ["refs/heads/kept"], exclude: [] } },
    });
    const first = await push("wren", "refs/heads/kept");
    expect(first.out).not.toContain("GH013");
    const again = await push("wren", "refs/heads/kept", "--force");
    expect(again.out).toContain("- Cannot force-push to this branch");
    expect(await send("wren", "--delete", "kept")).toContain("- Cannot delete this branch");
    const wren = world.as("wren");
    const main = await tip();
    expect(await refusal(wren.rest.git.updateRef({ ...SHOP, ref: "heads/kept", sha: main, force: true }))).toContain("Cannot force-push");
    expect(await refusal(wren.rest.git.deleteRef({ ...SHOP, ref: "heads/kept" }))).toContain("Cannot delete this branch");
    expect(await tip("kept")).toBe(first.sha);
  });

  it("keeps no rule that nobody would hold to", async () => {
    const parameters = { ...BY_PULL.parameters, require_code_owner_review: true };
    expect(await refusal(rule({ rules: [{ ...BY_PULL, parameters }] }))).toMatch(/^422 [^]*"require_code_owner_review" is not supported/);
    const stranger = { actor_type: "Integration" as const, actor_id: 999, bypass_mode: "always" as const };
    expect(await refusal(rule({ rules: [BY_PULL], bypass_actors: [stranger] }))).toMatch(/^422/);
  });
});
