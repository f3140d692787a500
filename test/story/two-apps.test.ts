/** A second app beside the first, on the whole platform: the first is untouched, its gates are not run again, and both go back and forth on their own. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../src/demo/check.ts";
import { fetchApp } from "../../src/demo/http.ts";
import type { Person } from "../../src/demo/people.ts";
import {
  addressOf,
  ask,
  botSays,
  createProject,
  endedChecks,
  endedRollout,
  openPlace,
  production,
  project,
  stored,
  type Place,
} from "./place.ts";

const GATES = ["types", "modules", "contract", "tests", "browse"];

describe("a second app", () => {
  let place: Place;
  let ada: Person;
  let repository: string;
  let first: string;

  beforeAll(async () => {
    place = await openPlace();
    ada = place.ada;
    repository = await createProject(place, "journal");
    first = await merge(await ask(place, repository, "@adorable add a blog app"));
    await post("Written before there was a second app");
  }, 720_000);
  afterAll(() => place?.close());

  async function merge(number: number): Promise<string> {
    const { sha } = await ada.merge(repository, number);
    const rollout = await endedRollout(place, repository, sha);
    expect(rollout.state, JSON.stringify(rollout.error)).toBe("live");
    return sha;
  }

  const app = async (slug: string, pull?: number): Promise<string> =>
    addressOf(place, repository, slug, pull === undefined ? { kind: "production" } : { kind: "change", number: pull });

  async function post(title: string): Promise<void> {
    const answer = await fetchApp(`${await app("blog")}/api/trpc/posts.create`, { json: { title, body: "Words." } });
    expect(answer.status, answer.body).toBe(200);
  }

  async function rows<Row>(sql: string): Promise<Row[]> {
    return place.operator.query<Row>(await production(place, repository), sql);
  }

  async function filesOf(number: number): Promise<string[]> {
    const files = await ada.call<{ filename: string }[]>("GET", `/repos/${repository}/pulls/${number}/files?per_page=100`);
    return files.map((file) => file.filename);
  }

  /** What was found of the first app again, and what was not, gate by gate. */
  async function titles(number: number): Promise<Record<string, string>> {
    const checks = await endedChecks(place, repository, number);
    return Object.fromEntries(checks.map((check) => [check.name.replace("adorable/", ""), check.output.title ?? ""]));
  }

  /** Environment → the link that GitHub shows, of those that are up. */
  async function deployed(): Promise<Record<string, string>> {
    const links: Record<string, string> = {};
    const all = await ada.call<{ id: number; environment: string }[]>("GET", `/repos/${repository}/deployments?per_page=100`);
    for (const { id, environment } of all) {
      const [status] = await ada.call<{ state: string; environment_url: string }[]>(
        "GET",
        `/repos/${repository}/deployments/${id}/statuses`,
      );
      if (status?.state === "success") links[environment] ??= status.environment_url;
    }
    return links;
  }

  async function apps(): Promise<Record<string, "there" | "archived">> {
    const found = await stored<{ slug: string; archived_at: Date | null }>(place, "select slug, archived_at from apps order by slug");
    return Object.fromEntries(found.map((row) => [row.slug, row.archived_at === null ? "there" : "archived"]));
  }

  test(
    "comes as a tree, a schema, a role and a host of its own, and the first one's gates are not run again",
    { timeout: 960_000 },
    async () => {
      const pull = await ask(place, repository, "@adorable add a todo app as a separate app");

      const files = await filesOf(pull);
      expect(files.filter((path) => !path.startsWith("apps/todo/"))).toEqual([".adorable/spec.json"]);
      expect(files).toContain("apps/todo/package.json");
      const found = await titles(pull);
      for (const gate of GATES) expect(found[gate], gate).toMatch(/^blog: .*\(reused from [0-9a-f]{7}\); todo: (?!.*reused)/);
      const [types] = (await endedChecks(place, repository, pull)).filter((check) => check.name === "adorable/types");
      expect(types?.output.summary).toMatch(
        /\*\*blog\*\* was not judged again: reused from \[[0-9a-f]{7}\]\(http\S+\/commit\/[0-9a-f]{40}\), found 2/,
      );

      // Both apps, on the change's own data, each with its link wherever links stand.
      for (const slug of ["blog", "todo"]) {
        expect((await fetchApp(await app(slug, pull))).status).toBe(200);
        expect((await deployed())[`preview/pr-${pull}/${slug}`]).toBe(await app(slug, pull));
        await botSays(place, repository, pull - 1, new RegExp((await app(slug, pull)).replaceAll(".", "\\.")));
      }

      // Nobody who uses the first app notices that a second one is released.
      const running = async () =>
        (await place.operator.runtime.list()).filter((one) => one.apps.some((each) => each.slug === "blog")).map((one) => one.id);
      const before = await running();
      const statuses: number[] = [];
      let stopped = false;
      const address = await app("blog");
      const visitor = (async () => {
        while (!stopped) {
          statuses.push((await fetchApp(`${address}/api/trpc/posts.list`)).status);
          await delay(10);
        }
      })();
      await merge(pull);
      stopped = true;
      await visitor;
      expect(statuses.length).toBeGreaterThan(20);
      expect(statuses.filter((status) => status !== 200)).toEqual([]);
      // Its process is the one that was there: only the preview's is gone.
      expect(before).toEqual(expect.arrayContaining(await running()));

      expect((await fetchApp(await app("todo"))).status).toBe(200);
      expect((await fetchApp(`${await app("todo")}/api/trpc/tasks.create`, { json: { title: "Water the plants" } })).status).toBe(200);
      expect(await rows("select title from blog.posts where title like 'Written%'")).toHaveLength(1);
      expect(
        await rows(
          "select has_schema_privilege('app_todo', 'blog', 'usage') as a, has_schema_privilege('app_blog', 'todo', 'usage') as b, has_schema_privilege('app_todo', 'todo', 'usage') as own",
        ),
      ).toEqual([{ a: false, b: false, own: true }]);
      expect(await apps()).toEqual({ blog: "there", todo: "there" });
      expect(await deployed()).toMatchObject({ "production/blog": await app("blog"), "production/todo": await app("todo") });
    },
  );

  test(
    "is the one that is changed when its records are named, and a name that is taken or an unclear request gets a plain answer",
    { timeout: 960_000 },
    async () => {
      const answer = async (words: string): Promise<string> => {
        const { number } = await ada.openIssue(repository, words, `@adorable ${words}`);
        return (await botSays(place, repository, number, /answered|Answered/)).body;
      };
      expect(await answer("add a todo app")).toMatch(/There is an app .*Todo.* already/);
      const unclear = await answer("add a rating");
      expect(unclear).toMatch(/Blog/);
      expect(unclear).toMatch(/Todo/);

      const pull = await ask(place, repository, "@adorable add a location to todos");
      const files = await filesOf(pull);
      expect(files.filter((path) => path.startsWith("apps/blog/"))).toEqual([]);
      expect(files.some((path) => path.startsWith("apps/todo/db/migrations/"))).toBe(true);
      const found = await titles(pull);
      for (const gate of GATES) expect(found[gate], gate).toMatch(/^blog: .*\(reused from [0-9a-f]{7}\); todo: (?!.*reused)/);
      await merge(pull);
      expect(await rows("select title, location from todo.tasks where title = 'Water the plants'")).toEqual([
        { title: "Water the plants", location: null },
      ]);
    },
  );

  test("goes with a rollback to before it, and comes back with its rows when that is undone", { timeout: 960_000 }, async () => {
    const { number: issue } = await ada.openIssue(repository, "Back", "@adorable rollback 1");
    const back = await eventually(
      "the rollback's pull request is open",
      async () => (await ada.pulls(repository)).find((one) => one.state === "open"),
      {
        timeoutMs: 240_000,
      },
    );
    expect(issue).toBeLessThan(back.number);
    const statement = await botSays(place, repository, back.number, /Apps removed/);
    expect(statement.body).toMatch(/Apps removed:\*\* `todo`/);
    await ada.comment(repository, back.number, "@adorable code+data");
    await botSays(place, repository, back.number, /\*\*Chosen:\*\*/);
    await endedChecks(place, repository, back.number);
    await merge(back.number);

    expect((await fetchApp(await app("todo"))).status).toBe(404);
    expect((await fetchApp(await app("blog"))).status).toBe(200);
    expect(await apps()).toEqual({ blog: "there", todo: "archived" });
    expect(await rows("select 1 from pg_namespace where nspname = 'todo'")).toEqual([]);
    const running = (await place.operator.runtime.list()).flatMap((one) => one.apps.map((each) => each.slug));
    expect(running).not.toContain("todo");
    const links = await deployed();
    expect(links["production/blog"]).toBe(await app("blog"));
    expect(links["production/todo"]).toBeUndefined();

    const forth = await ada.revert(repository, back.number);
    const again = await botSays(place, repository, forth.number, /Apps brought back/);
    expect(again.body).toMatch(/Apps brought back:\*\* `todo`/);
    await ada.comment(repository, forth.number, "@adorable code+data");
    await botSays(place, repository, forth.number, /\*\*Chosen:\*\*/);
    await endedChecks(place, repository, forth.number);
    await merge(forth.number);
    expect((await fetchApp(await app("todo"))).status).toBe(200);
    expect(await apps()).toEqual({ blog: "there", todo: "there" });
    expect(await rows("select title from todo.tasks where title = 'Water the plants'")).toHaveLength(1);
    expect(await rows("select title from blog.posts where title like 'Written%'")).toHaveLength(1);
    expect((await project(place, repository)).releases.map((release) => release.kind)).toEqual([
      "release",
      "release",
      "release",
      "rollback",
      "rollback",
    ]);
    expect(first).toBeDefined();
  });
});
