/** Real three-way merges: methods, conflicts, reverts of each, and what pushes do to open pull requests. */
import { mkdtemp, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { git, remote, startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;
let clone: string;

beforeAll(async () => {
  world = await startWorld();
  const folder = await mkdtemp(join(tmpdir(), "forge-merges-"));
  await git(folder, "clone", "-q", remote(world.forge.url, "ann/shop", "wren", "token-wren"), "shop");
  clone = join(folder, "shop");
});
afterAll(async () => {
  await world.close();
  await rm(join(clone, ".."), { recursive: true, force: true });
});

/** Commits each set of files on a branch from origin's main and pushes it; returns the head. */
async function pushBranch(branch: string, ...commits: Record<string, string>[]): Promise<string> {
  await git(clone, "fetch", "-q", "origin");
  await git(clone, "checkout", "-q", "-B", branch, "origin/main");
  return pushCommits(branch, ...commits);
}

async function pushCommits(branch: string, ...commits: Record<string, string>[]): Promise<string> {
  for (const [index, files] of commits.entries()) {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(clone, path, ".."), { recursive: true });
      await writeFile(join(clone, path), text);
    }
    await git(clone, "add", "-A");
    await git(clone, "commit", "-qm", `${branch} ${index + 1}`);
  }
  await git(clone, "push", "-q", "origin", branch);
  return git(clone, "rev-parse", "HEAD");
}

async function openPull(head: string): Promise<number> {
  return (await world.as("wren").rest.pulls.create({ ...SHOP, title: `Pull ${head}`, head, base: "main" })).data.number;
}

/** The tree of main as git names it: equal trees are equal content. */
async function treeOfMain(): Promise<string> {
  const { data } = await world.as("wren").rest.repos.getBranch({ ...SHOP, branch: "main" });
  return data.commit.commit.tree.sha;
}

async function revert(number: number): Promise<number> {
  const wren = world.as("wren");
  const { node_id: id } = (await wren.rest.pulls.get({ ...SHOP, pull_number: number })).data;
  const result: any = await wren.graphql(
    "mutation($input: RevertPullRequestInput!) { revertPullRequest(input: $input) { revertPullRequest { number } } }",
    { input: { pullRequestId: id } },
  );
  return result.revertPullRequest.revertPullRequest.number;
}

describe.each(["merge", "squash", "rebase"] as const)("a pull request merged by %s", (method) => {
  it("is taken back by its revert exactly, and comes back by the revert of that", async () => {
    const wren = world.as("wren");
    const before = await treeOfMain();
    await pushBranch(
      `by-${method}`,
      { [`${method}.txt`]: "one\n" },
      { [`${method}.txt`]: "one\ntwo\n", "README.md": `# Shop ${method}\n` },
    );
    const number = await openPull(`by-${method}`);
    const { sha } = (await wren.rest.pulls.merge({ ...SHOP, pull_number: number, merge_method: method })).data;
    const after = await treeOfMain();
    expect(after).not.toBe(before);
    const commit = (await wren.rest.git.getCommit({ ...SHOP, commit_sha: sha })).data;
    expect(commit.parents).toHaveLength(method === "merge" ? 2 : 1);
    if (method === "squash") expect(commit.message).toBe(`Pull by-squash (#${number})\n\n* by-squash 1\n\n* by-squash 2`);
    if (method === "rebase") expect(commit.message).toBe("by-rebase 2");

    const undo = await revert(number);
    await wren.rest.pulls.merge({ ...SHOP, pull_number: undo, merge_method: method });
    expect(await treeOfMain()).toBe(before);
    const redo = await revert(undo);
    expect((await wren.rest.pulls.get({ ...SHOP, pull_number: redo })).data.title).toBe(`Revert "Revert "Pull by-${method}""`);
    await wren.rest.pulls.merge({ ...SHOP, pull_number: redo });
    expect(await treeOfMain()).toBe(after);
  });
});

describe("a conflict", () => {
  it("is seen as soon as the base moves, refuses the merge with 405, and is resolved by a push", async () => {
    const wren = world.as("wren");
    await pushBranch("left", { "shared.txt": "left\n" });
    await pushBranch("right", { "shared.txt": "right\n" });
    const [left, right] = [await openPull("left"), await openPull("right")];
    expect((await wren.rest.pulls.get({ ...SHOP, pull_number: right })).data).toMatchObject({ mergeable: true, mergeable_state: "clean" });
    await wren.rest.pulls.merge({ ...SHOP, pull_number: left });
    expect((await wren.rest.pulls.get({ ...SHOP, pull_number: right })).data).toMatchObject({ mergeable: false, mergeable_state: "dirty" });
    for (const merge_method of ["merge", "squash", "rebase"] as const) {
      await expect(wren.rest.pulls.merge({ ...SHOP, pull_number: right, merge_method })).rejects.toMatchObject({ status: 405 });
    }
    await git(clone, "fetch", "-q", "origin");
    await git(clone, "merge", "-q", "-X", "ours", "origin/main");
    const head = await pushCommits("right");
    await expect.poll(() => world.receiver.of("pull_request", "synchronize").at(-1)?.after).toBe(head);
    expect((await wren.rest.pulls.get({ ...SHOP, pull_number: right })).data).toMatchObject({ mergeable: true, head: { sha: head } });
    await wren.rest.pulls.merge({ ...SHOP, pull_number: right });
  });

  it("with later work refuses a revert, and makes no branch", async () => {
    const wren = world.as("wren");
    await pushBranch("first", { "story.txt": "first\n" });
    const first = await openPull("first");
    await wren.rest.pulls.merge({ ...SHOP, pull_number: first });
    await pushBranch("second", { "story.txt": "second\n" });
    await wren.rest.pulls.merge({ ...SHOP, pull_number: await openPull("second") });
    await expect(revert(first)).rejects.toThrow("could not be automatically reverted");
    const branches = (await wren.rest.repos.listBranches({ ...SHOP, per_page: 100 })).data.map((branch) => branch.name);
    expect(branches.filter((name) => name.startsWith(`revert-${first}-`))).toEqual([]);
  });
});

describe("a push", () => {
  it("that contains a pull request's head merges it; a deleted head closes it", async () => {
    const wren = world.as("wren");
    await pushBranch("direct", { "direct.txt": "x\n" });
    const direct = await openPull("direct");
    await git(clone, "push", "-q", "origin", "direct:main");
    expect((await wren.rest.pulls.get({ ...SHOP, pull_number: direct })).data).toMatchObject({ merged: true, state: "closed" });
    await pushBranch("dropped", { "dropped.txt": "x\n" });
    const dropped = await openPull("dropped");
    await git(clone, "push", "-q", "origin", ":dropped");
    expect((await wren.rest.pulls.get({ ...SHOP, pull_number: dropped })).data).toMatchObject({ merged: false, state: "closed" });
  });

  it("is refused to a reader, to a wrong token, and to an App that would change a workflow", async () => {
    const { url } = world.forge;
    await pushBranch("mine", { "mine.txt": "x\n" });
    await expect(git(clone, "push", "-q", remote(url, "ann/shop", "rita", "token-rita"), "mine:theirs")).rejects.toThrow("403");
    await expect(git(clone, "push", "-q", remote(url, "ann/shop", "rita", "guess"), "mine:theirs")).rejects.toThrow(
      /401|Authentication failed|could not read/,
    );
    await expect(git(clone, "push", "-q", "origin", "mine:refs/pull/1/head")).rejects.toThrow("hidden ref");
    const app = remote(url, "ann/shop", "x-access-token", await world.appToken());
    await git(clone, "push", "-q", app, "mine:theirs");
    await writeFile(join(clone, ".github/workflows/adorable.yml"), "on: push\n");
    await git(clone, "commit", "-qam", "Change a workflow");
    await expect(git(clone, "push", "-q", app, "mine:theirs")).rejects.toThrow("without `workflows` permission");
    await git(clone, "push", "-q", "origin", "mine:theirs");
  });

  it("of many files arrives whole, and an empty clone and a public read need no token", async () => {
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`many/${index}.txt`, `${index}\n`.repeat(500)]));
    await pushBranch("many", files);
    const number = await openPull("many");
    const listed = await world.as("wren").paginate(world.as("wren").rest.pulls.listFiles, { ...SHOP, pull_number: number, per_page: 100 });
    expect(listed).toHaveLength(300);
    await git(join(clone, ".."), "clone", "-q", "--branch", "many", `${world.forge.url}/ann/shop`, "public");
    expect(await git(join(clone, "..", "public"), "rev-parse", "HEAD")).toBe(await git(clone, "rev-parse", "many"));
  });
});
