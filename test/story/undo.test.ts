/** Undoing on a running platform: reverts by hand, reverts of reverts, choices that come late, and pull requests that `rollback` opens. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchApp } from "../../src/demo/http.ts";
import type { Person } from "../../src/demo/people.ts";
import { eventually } from "../../src/demo/check.ts";
import { gitText } from "../../src/process/git.ts";
import {
  addressOf,
  ask,
  botSays,
  createProject,
  endedChecks,
  endedRollout,
  openPlace,
  openPull,
  production,
  project,
  push,
  type Place,
} from "./place.ts";

describe("a release", () => {
  let place: Place;
  let ada: Person;
  let repository: string;
  let second: string;
  let reverting: number;

  beforeAll(async () => {
    place = await openPlace();
    ada = place.ada;
    repository = await createProject(place, "journal");
    await merge(await ask(place, repository, "@adorable add a blog app"), "merge", 1);
    await post("Of release 1");
    const page = "alter table posts add column mood text not null default 'calm';\n";
    await push(place, repository, {
      from: "main",
      branch: "moods",
      change: { "apps/blog/db/migrations/20990101000000_add_mood.sql": page },
    });
    second = await merge(await openPull(place, repository, "moods"), "squash", 2);
    await post("Of release 2");
  }, 960_000);
  afterAll(() => place?.close());

  /** Returns the commit, once it is live as this release. */
  async function merge(number: number, how: "merge" | "squash" | "rebase", release: number): Promise<string> {
    const { sha } = await ada.call<{ sha: string }>("PUT", `/repos/${repository}/pulls/${number}/merge`, { merge_method: how });
    expect(await endedRollout(place, repository, sha)).toMatchObject({ state: "live", data: { release } });
    return sha;
  }

  async function post(title: string): Promise<void> {
    const answer = await fetchApp(`${await addressOf(place, repository, "blog")}/api/trpc/posts.create`, {
      json: { title, body: "Words." },
    });
    expect(answer.status, answer.body).toBe(200);
  }

  async function titles(): Promise<string[]> {
    const rows = await place.operator.query<{ title: string }>(
      await production(place, repository),
      "select title from blog.posts where title like 'Of %' order by title",
    );
    return rows.map((row) => row.title);
  }

  async function releases(): Promise<unknown[]> {
    return (await project(place, repository)).releases.map(({ kind, restores, choice }) => [kind, restores, choice]);
  }

  test("that came by squash is taken back by a hand-made revert with words of its own", async () => {
    const clone = await mkdtemp(join(place.dir, "clone-"));
    const token = await place.machine.forge.createUser("ada");
    const config = {
      "http.extraHeader": `Authorization: Basic ${Buffer.from(`ada:${token}`).toString("base64")}`,
      "user.name": "Ada",
      "user.email": "ada@example.org",
    };
    const git = async (...args: string[]): Promise<string> => gitText(args, { cwd: clone, config, protocols: ["http"] });
    try {
      await git("clone", "--quiet", `${place.machine.urls.forge}/${repository}.git`, ".");
      await git("checkout", "--quiet", "-b", "calmer");
      await git("revert", "--no-edit", second);
      await git("commit", "--quiet", "--amend", "--message", "Moods were a mistake");
      await git("push", "--quiet", "origin", "calmer");
    } finally {
      await rm(clone, { recursive: true, force: true });
    }
    reverting = await openPull(place, repository, "calmer");

    const statement = await botSays(place, repository, reverting, /This reverts to release 1/);
    expect(statement.body).toMatch(/\| blog \| posts \| 1 \| 0 \| 0 \|/);
    expect(statement.body.replaceAll("\\", "")).toContain("20990101000000_add_mood.sql");
    await ada.comment(repository, reverting, "@adorable code+data");
    await botSays(place, repository, reverting, /chosen by @ada/);
    await merge(reverting, "rebase", 3);

    expect(await titles()).toEqual(["Of release 1"]);
    await botSays(place, repository, reverting, /is live: release 1 again[\s\S]*\| blog \| posts \| 1 \| 0 \| 0 \|/);
  });

  test("that was taken back comes back by the revert of the revert, whose choice may come after the merge", async () => {
    await post("Of release 3");
    const { number } = await ada.revert(repository, reverting);
    const statement = await botSays(place, repository, number, /This reverts to release 2/);
    // One row was written since, one came back out of production by the rollback.
    expect(statement.body).toMatch(/\| blog \| posts \| 1 \| 0 \| 1 \|/);
    const { sha } = await ada.merge(repository, number);
    await botSays(place, repository, number, /It is merged, and nothing has changed yet/);
    expect(await titles()).toEqual(["Of release 1", "Of release 3"]);
    expect(await releases()).toHaveLength(3);

    await ada.comment(repository, number, "@adorable code+data");
    expect((await endedRollout(place, repository, sha)).state).toBe("live");

    expect(await titles()).toEqual(["Of release 1", "Of release 2"]);
    expect(await releases()).toEqual([
      ["release", null, null],
      ["release", null, null],
      ["rollback", 1, "code+data"],
      ["rollback", 2, "code+data"],
    ]);
    const moods = await place.operator.query(await production(place, repository), "select distinct mood from blog.posts");
    expect(moods).toEqual([{ mood: "calm" }]);
  });

  test("is restored by a pull request that the platform opens when it is asked to", async () => {
    const known = (await ada.pulls(repository)).map((pull) => pull.number);
    const { number: item } = await ada.openIssue(repository, "Too much", "@adorable rollback 3");
    const pull = await eventually("the pull request is open", async () =>
      (await ada.pulls(repository)).find((one) => !known.includes(one.number)),
    );

    expect(pull.title).toBe("Roll back to release 3");
    const statement = await botSays(place, repository, pull.number, /This reverts to release 3/);
    expect(statement.body).toContain("@adorable code+data");
    const checks = await endedChecks(place, repository, pull.number);
    expect(checks.map((check) => check.conclusion)).toEqual(checks.map(() => "success"));
    await botSays(place, repository, item, new RegExp(`/pull/${pull.number}`));
    expect(await releases()).toHaveLength(4);
  });

  test("that is not there, or live, is no place to go back to, and that is said", async () => {
    const { number } = await ada.openIssue(repository, "Where to?", "@adorable rollback 9");
    await botSays(place, repository, number, /There is no release 9: the newest is 4/);
    await ada.comment(repository, number, "@adorable rollback v2");
    await botSays(place, repository, number, /has exactly the code of release 2/);
  });
});
