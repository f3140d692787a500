/** Every way onto the default branch, on a whole platform: squash, rebase, pushes and the merge queue lead to releases, red ones to nothing. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../src/demo/check.ts";
import { fetchApp } from "../../src/demo/http.ts";
import type { Check, Person } from "../../src/demo/people.ts";
import {
  addressOf,
  ask,
  botSays,
  createProject,
  endedChecks,
  endedRollout,
  openPlace,
  openPull,
  person,
  production,
  project,
  push,
  stored,
  type Place,
} from "./place.ts";

const GATES = ["types", "modules", "contract", "tests", "browse", "migrations"].map((gate) => `adorable/${gate}`);

describe("a commit on the default branch", () => {
  let place: Place;
  let ada: Person;
  let bob: Person;
  let repository: string;

  beforeAll(async () => {
    place = await openPlace();
    ada = place.ada;
    repository = await createProject(place, "journal");
    bob = await person(place, "bob", repository, "write");
  });
  afterAll(() => place?.close());

  const note = (name: string, text: string) => ({ [`apps/blog/notes/${name}.md`]: `${text}\n` });
  const live = async () => (await project(place, repository)).releases.at(-1);
  const verifyRuns = async () => Number((await stored<{ n: string }>(place, "select count(*) as n from runs where kind = 'verify'"))[0]?.n);
  const checksOn = async (sha: string): Promise<Check[]> => ada.checks(repository, sha);

  /** What is said of the commit itself, once it has ended. */
  const endOf = (sha: string): Promise<Check> =>
    eventually(`${sha.slice(0, 7)} has its end`, async () => (await checksOn(sha)).find((check) => check.name === "adorable/release"));

  async function propose(branch: string, by: Person): Promise<number> {
    await push(place, repository, { from: "main", branch, change: note(branch, branch), by: by.login });
    return openPull(place, repository, branch);
  }
  /** The release of a commit with all that is said of it. */
  async function expectReleased(sha: string, approver: string): Promise<number> {
    expect(await endedRollout(place, repository, sha)).toMatchObject({ state: "live" });
    const release = (await project(place, repository)).releases.find((row) => row.git_commit === sha);
    const number = release?.number ?? 0;
    expect(release).toMatchObject({ kind: "release", approver });
    expect(await endOf(sha)).toMatchObject({
      conclusion: "success",
      output: { title: `Release ${number} is live` },
    });
    const { object } = await ada.call<{ object: { sha: string; type: string } }>(
      "GET",
      `/repos/${repository}/git/ref/tags/release-${number}`,
    );
    const tag = await ada.call<{ object: { sha: string }; message: string }>("GET", `/repos/${repository}/git/tags/${object.sha}`);
    expect(tag.object.sha).toBe(sha);
    expect(tag.message).toContain(release?.hash);
    expect((await fetchApp(await addressOf(place, repository, "blog"))).status).toBe(200);
    return number;
  }

  test(
    "that was pushed is the first release: known by its tree, in its pusher's name, with its own first data",
    { timeout: 1_200_000 },
    async () => {
      const number = await ask(place, repository, "@adorable add a blog app");
      const { head } = await ada.pull(repository, number);
      const runs = await verifyRuns();
      const sha = await push(place, repository, { from: "main", branch: "main", change: {}, filesOf: head.ref, by: "bob" });

      expect(await expectReleased(sha, "bob")).toBe(1);
      expect(await verifyRuns()).toBe(runs);
      expect((await live())?.migrations.length).toBeGreaterThan(0);
      expect(await place.operator.query(await production(place, repository), "select 1 from blog.posts")).toBeDefined();
      await ada.call("PATCH", `/repos/${repository}/pulls/${number}`, { state: "closed" });
    },
  );

  const merge = (by: Person, number: number, method: string) =>
    by.call<{ sha: string }>("PUT", `/repos/${repository}/pulls/${number}/merge`, { merge_method: method });

  test("is released in its turn: of a merge and a rebase at once, the second is verified first", { timeout: 1_200_000 }, async () => {
    const first = await propose("one", ada);
    const second = await propose("two", bob);
    await endedChecks(place, repository, first);
    await endedChecks(place, repository, second);
    const joined = await merge(ada, first, "merge");
    const rebased = await merge(bob, second, "rebase");

    const before = await expectReleased(joined.sha, "ada");
    expect(await expectReleased(rebased.sha, "bob")).toBe(before + 1);
    for (const number of [first, second]) await botSays(place, repository, number, /Release \d/);
    // No gate had seen the two together: they stand on the commit itself.
    const names = (await checksOn(rebased.sha)).filter((check) => check.conclusion === "success").map((check) => check.name);
    expect(names).toEqual(expect.arrayContaining(GATES));
    expect((await checksOn(joined.sha)).map((check) => check.name)).toEqual(["adorable/release"]);
  });

  test("of a squash is the tree that its pull request's gates saw: none runs again", { timeout: 1_200_000 }, async () => {
    const number = await propose("squashed", bob);
    await endedChecks(place, repository, number);
    const runs = await verifyRuns();
    const { sha } = await merge(ada, number, "squash");
    await expectReleased(sha, "ada");
    await botSays(place, repository, number, /Release \d/);
    expect(await verifyRuns()).toBe(runs);
  });

  test("that was pushed red is refused with production untouched, and one that mends it is released", { timeout: 1_200_000 }, async () => {
    const before = await live();
    const red = await push(place, repository, {
      from: "main",
      branch: "main",
      change: { "apps/blog/src/server/main.ts": (text) => `${text}\nexport const wrong: number = "text";\n` },
      by: "bob",
    });
    expect((await endedRollout(place, repository, red)).state).toBe("refused");
    const said = await endOf(red);
    expect(said.conclusion).toBe("failure");
    expect(said.output.summary?.replaceAll("\\", "")).toContain("adorable/types");
    expect((await checksOn(red)).find((check) => check.name === "adorable/types")?.conclusion).toBe("failure");
    expect(await live()).toEqual(before);
    expect((await fetchApp(await addressOf(place, repository, "blog"))).status).toBe(200);

    const mended = await push(place, repository, {
      from: "main",
      branch: "main",
      change: {
        "apps/blog/src/server/main.ts": (text) => text.replace('\nexport const wrong: number = "text";\n', ""),
        ...note("mended", "by a push"),
      },
    });
    await expectReleased(mended, "ada");
  });

  test("that changes nothing of the apps says so", async () => {
    const before = await live();
    const sha = await push(place, repository, { from: "main", branch: "main", change: { "README.md": "# Journal\n" } });
    expect(await endOf(sha)).toMatchObject({ conclusion: "success", output: { title: "Nothing to release" } });
    expect(await live()).toEqual(before);
  });

  test("through the merge queue is the tree that the gates saw there, in the name of who queued it", { timeout: 1_200_000 }, async () => {
    const parameters = { required_status_checks: GATES.map((context) => ({ context })), strict_required_status_checks_policy: false };
    await ada.call("POST", `/repos/${repository}/rulesets`, {
      name: "Main",
      enforcement: "active",
      conditions: { ref_name: { include: ["~DEFAULT_BRANCH"], exclude: [] } },
      rules: [
        { type: "required_status_checks", parameters },
        {
          type: "merge_queue",
          parameters: {
            check_response_timeout_minutes: 60,
            grouping_strategy: "ALLGREEN",
            max_entries_to_build: 5,
            max_entries_to_merge: 5,
            merge_method: "SQUASH",
            min_entries_to_merge: 1,
            min_entries_to_merge_wait_minutes: 5,
          },
        },
      ],
    });
    const numbers = [await propose("three", ada), await propose("four", ada)];
    for (const number of numbers) await endedChecks(place, repository, number);
    const runs = await verifyRuns();
    for (const number of numbers) {
      const { node_id: pullRequestId } = await ada.call<{ node_id: string }>("GET", `/repos/${repository}/pulls/${number}`);
      const query = "mutation($input: EnqueuePullRequestInput!) { enqueuePullRequest(input: $input) { mergeQueueEntry { position } } }";
      const answer = await bob.call<{ errors?: unknown }>("POST", "/graphql", { query, variables: { input: { pullRequestId } } });
      expect(answer.errors).toBeUndefined();
    }
    const releases: number[] = [];
    for (const number of numbers) {
      const pull = await eventually(
        `#${number} is merged`,
        async () => {
          const found = await ada.call<{ merged: boolean; merge_commit_sha: string; merged_by: { login: string } | null }>(
            "GET",
            `/repos/${repository}/pulls/${number}`,
          );
          return found.merged ? found : undefined;
        },
        { timeoutMs: 480_000 },
      );
      expect(pull.merged_by?.login).toBe("github-merge-queue[bot]");
      releases.push(await expectReleased(pull.merge_commit_sha, "bob"));
      await botSays(place, repository, number, /Release \d/);
    }
    expect(releases[1]).toBe((releases[0] ?? 0) + 1);
    // The first group is the tree that its pull request's gates saw; only the second, of both together, was new.
    expect(await verifyRuns()).toBe(runs + 1);
    expect((await project(place, repository)).ledgerBroken).toBeNull();
  });
});
