/** "Closes #7": what a pull request or a commit on the default branch closes, and drafts. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closedIn } from "../../src/forge/closing.ts";
import { git, remote, startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;
let clone: string;

beforeAll(async () => {
  world = await startWorld();
  const folder = await mkdtemp(join(tmpdir(), "forge-closing-"));
  await git(folder, "clone", "-q", remote(world.forge.url, "ann/shop", "wren", "token-wren"), "shop");
  clone = join(folder, "shop");
});
afterAll(async () => {
  await world.close();
  await rm(dirname(clone), { recursive: true, force: true });
});

const newIssue = async (): Promise<number> => (await world.as("rita").rest.issues.create({ ...SHOP, title: "Wanted" })).data.number;
const issue = async (number: number) => (await world.as("rita").rest.issues.get({ ...SHOP, issue_number: number })).data;

async function commit(branch: string, message: string, base = "origin/main"): Promise<string> {
  await git(clone, "fetch", "-q", "origin");
  await git(clone, "checkout", "-q", "-B", branch, base);
  await writeFile(join(clone, `${message.replaceAll(/\W/g, "-")}.txt`), message);
  await git(clone, "add", "-A");
  await git(clone, "commit", "-qm", message);
  await git(clone, "push", "-q", "origin", branch);
  return git(clone, "rev-parse", "HEAD");
}

async function propose(branch: string, body: string, options: { base?: string; draft?: boolean } = {}) {
  await commit(branch, branch);
  const { data } = await world.as("rita").rest.pulls.create({ ...SHOP, title: branch, head: branch, base: "main", body, ...options });
  return { number: data.number, id: data.node_id };
}

it.each([
  ["Closes #1", [1]],
  ["fixes: #2, RESOLVED #3 and close #2", [2, 3]],
  ["Fixes GH-4. Resolves ann/shop#5. Closes {url}/ann/shop/issues/6", [4, 5, 6]],
  ["Asked for by @ann. Closes #7.\n\nText.", [7]],
  ["Fixes ann/other#1, prefixes #2, closes#3, encloses #4, fix 5, closes #6th", []],
  ["`Closes #1` and <!-- Closes #2 -->\n\n```\nCloses #3\n```\n~~~\nFixes #4", []],
])("a text closes what follows one of GitHub's words, and nothing in code or comments: %s", (text, numbers) => {
  const { core } = world.forge;
  const repository = core.state.repository("ann", "shop");
  expect(repository === undefined ? undefined : closedIn(core, repository, text.replace("{url}", core.url))).toEqual(numbers);
});

describe("an issue that a text names", () => {
  it("is closed as completed by the merge of the pull request, in its name and the merger's", async () => {
    const [named, other] = [await newIssue(), await newIssue()];
    const { number } = await propose("named", `Closes #${named}, like #${other}.`);
    expect((await issue(named)).state).toBe("open");

    await world.as("wren").rest.pulls.merge({ ...SHOP, pull_number: number });

    expect(await issue(named)).toMatchObject({ state: "closed", state_reason: "completed", closed_by: { login: "wren" } });
    expect((await issue(other)).state).toBe("open");
    await expect.poll(() => world.receiver.of("issues", "closed").map((payload) => payload.issue.number)).toEqual([named]);
    const { data: events } = await world.as("rita").rest.issues.listEvents({ ...SHOP, issue_number: named });
    expect(events.map(({ event, actor, commit_id: sha }) => [event, actor?.login, sha])).toEqual([["closed", "wren", null]]);
  });

  it("is closed by a commit that says so, when it comes to the default branch and not before", async () => {
    const named = await newIssue();
    const sha = await commit("by-commit", `Make it\n\nFixes #${named}`);
    expect((await issue(named)).state).toBe("open");

    await git(clone, "push", "-q", "origin", "by-commit:main");

    expect(await issue(named)).toMatchObject({ state: "closed", state_reason: "completed" });
    const { data: events } = await world.as("rita").rest.issues.listEvents({ ...SHOP, issue_number: named });
    expect(events.map(({ event, commit_id: id }) => [event, id])).toEqual([["closed", sha]]);
  });

  it("stays open where the pull request goes into another branch, is closed unmerged, or names a pull request", async () => {
    const named = await newIssue();
    await git(clone, "push", "-q", "origin", "origin/main:refs/heads/side");
    const aside = await propose("aside", `Closes #${named}`, { base: "side" });
    await world.as("wren").rest.pulls.merge({ ...SHOP, pull_number: aside.number });
    const unmerged = await propose("unmerged", `Closes #${named}`);
    await world.as("wren").rest.pulls.update({ ...SHOP, pull_number: unmerged.number, state: "closed" });
    const waiting = await propose("waiting", "Waits.");
    const naming = await propose("naming", `Closes #${waiting.number}`);
    await world.as("wren").rest.pulls.merge({ ...SHOP, pull_number: naming.number });

    expect((await issue(named)).state).toBe("open");
    expect((await issue(waiting.number)).state).toBe("open");
  });
});

describe("a draft", () => {
  const change = (login: string, mutation: string, id: string): Promise<any> =>
    world.as(login).graphql(`mutation($input: ${mutation}Input!) { ${mutation}(input: $input) { pullRequest { isDraft } } }`, {
      input: { pullRequestId: id },
    });
  const merge = (number: number) => world.as("wren").rest.pulls.merge({ ...SHOP, pull_number: number });

  it("cannot be merged before its author or a writer marks it as ready, and may become one again", async () => {
    const { number, id } = await propose("drafted", "Not yet.", { draft: true });
    await expect(merge(number)).rejects.toThrow("still a draft");
    await world.admin("accounts", { login: "paul", token: "token-paul" });
    await expect(change("paul", "markPullRequestReadyForReview", id)).rejects.toThrow("Must have push access");

    const { markPullRequestReadyForReview: ready } = await change("rita", "markPullRequestReadyForReview", id);
    expect(ready.pullRequest.isDraft).toBe(false);
    await change("wren", "convertPullRequestToDraft", id);
    await expect(merge(number)).rejects.toThrow("still a draft");
    await change("wren", "markPullRequestReadyForReview", id);
    await change("wren", "markPullRequestReadyForReview", id);
    expect((await merge(number)).data.merged).toBe(true);

    await expect(change("wren", "convertPullRequestToDraft", id)).rejects.toThrow("closed");
    const { data: events } = await world.as("rita").rest.issues.listEvents({ ...SHOP, issue_number: number });
    expect(events.map(({ event, actor }) => `${event} ${actor?.login}`)).toEqual([
      "ready_for_review rita",
      "convert_to_draft wren",
      "ready_for_review wren",
      "merged wren",
      "closed wren",
    ]);
    const told = () =>
      world.receiver
        .of("pull_request")
        .filter((one) => one.number === number)
        .map((one) => one.action);
    await expect.poll(told).toEqual(["opened", "ready_for_review", "converted_to_draft", "ready_for_review", "closed"]);
  });
});
