/** What people push and merge against better advice: red gates say why, and production keeps serving with every row. */
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
  openPull,
  production,
  project,
  push,
  type Place,
} from "./place.ts";

const SERVER = "apps/blog/src/server/main.ts";

/** Fails where a row has the title. */
function forbidding(title: string): string {
  return `alter table posts add constraint "not_${title.toLowerCase()}" check (title <> '${title}');\n`;
}

describe("production", () => {
  let place: Place;
  let ada: Person;
  let repository: string;
  let written: string[];
  let spec: string;

  beforeAll(async () => {
    place = await openPlace();
    ada = place.ada;
    repository = await createProject(place, "journal");
    const { sha } = await ada.merge(repository, await ask(place, repository, "@adorable add a blog app"));
    expect((await endedRollout(place, repository, sha)).state).toBe("live");
    spec = await fetchFile(".adorable/spec.json");
    written = [];
    for (const title of ["One", "Two", "Two"]) await post(title);
  }, 720_000);
  afterAll(() => place?.close());

  async function post(title: string): Promise<void> {
    const answer = await fetchApp(`${await addressOf(place, repository, "blog")}/api/trpc/posts.create`, {
      json: { title, body: "Words." },
    });
    expect(answer.status, answer.body).toBe(200);
    written.push(title);
  }

  async function fetchFile(path: string): Promise<string> {
    const { content } = await ada.call<{ content: string }>("GET", `/repos/${repository}/contents/${path}`);
    return Buffer.from(content, "base64").toString();
  }

  /** Release 1 answers, with every row that was acknowledged, and takes new ones. */
  async function expectUntouched(releases = 1): Promise<void> {
    await post(`Later ${written.length}`);
    const rows = await place.operator.query<{ title: string }>(await production(place, repository), "select title from blog.posts");
    const counts = (titles: string[]): string[] => titles.filter((title) => written.includes(title)).sort();
    expect(counts(rows.map((row) => row.title))).toEqual(counts(written));
    expect((await fetchApp(await addressOf(place, repository, "blog"))).status).toBe(200);
    expect((await project(place, repository)).releases).toHaveLength(releases);
    expect(await place.operator.database.holds()).toEqual([]);
  }

  async function conclusions(number: number): Promise<Record<string, string | null>> {
    const checks = await endedChecks(place, repository, number);
    return Object.fromEntries(checks.map((check) => [check.name.replace("adorable/", ""), check.conclusion]));
  }

  /** Opens a person's pull request and returns its number. */
  async function propose(branch: string, change: Record<string, string | ((before: string) => string)>): Promise<number> {
    await push(place, repository, { from: "main", branch, change });
    return openPull(place, repository, branch);
  }

  /** Merges what its gates found red: it is said that nothing is released, production is as it was, and so is the branch afterwards. */
  async function expectRefused(number: number): Promise<void> {
    const { sha } = await ada.merge(repository, number);

    expect((await endedRollout(place, repository, sha)).state).toBe("refused");
    await botSays(place, repository, number, /not released/);
    await expectUntouched();
    await takeBack(number);
  }

  test("is not changed by a migration that its rows have come to contradict since the gates passed", async () => {
    const number = await propose("late", { "apps/blog/db/migrations/20990101000000_not_late.sql": forbidding("Late") });
    expect(new Set(Object.values(await conclusions(number)))).toEqual(new Set(["success"]));

    await post("Late");
    const { sha } = await ada.merge(repository, number);

    expect(await endedRollout(place, repository, sha)).toMatchObject({ state: "aborted", error: { remedy: "author" } });
    const said = await botSays(place, repository, number, /did not happen/);
    // Markdown escapes the name's underscores.
    expect(said.body.replaceAll("\\", "")).toContain("20990101000000_not_late.sql");
    expect(said.body).toContain("23514");
    expect(said.body).toContain("stopped at `archived`");
    expect(said.body).toContain("Release 1 goes on serving");
    await expectUntouched();
    await takeBack(number);
  });

  test("is not changed by a migration that the gates found red, though somebody merges it", async () => {
    const number = await propose("red", { "apps/blog/db/migrations/20990101000000_not_two.sql": forbidding("Two") });
    const found = await conclusions(number);
    expect(found).toMatchObject({ migrations: "failure", preview: "failure", types: "success", tests: "success" });
    const migrations = (await endedChecks(place, repository, number)).find((check) => check.name === "adorable/migrations");
    expect(migrations?.output.summary).toContain("20990101000000_not_two.sql");
    // A row's value is nobody's business here.
    expect(JSON.stringify(migrations)).not.toContain("Words.");

    await expectRefused(number);
  });

  test("is not changed by migrations that cannot be read together, and the project's other work goes on", async () => {
    const number = await propose("twins", {
      "apps/blog/db/migrations/20990101000000_one.sql": forbidding("One"),
      "apps/blog/db/migrations/20990101000000_two.sql": forbidding("Two"),
    });
    expect(new Set(Object.values(await conclusions(number)))).toEqual(new Set(["failure"]));
    const [check] = await endedChecks(place, repository, number);
    expect(check?.output.summary).toContain("have the same id");
    const item = (await ada.openIssue(repository, "Help", "@adorable help")).number;
    await botSays(place, repository, item, /understands/);

    await expectRefused(number);
  });

  test("is not changed by a specification that cannot be read, which is said on the commit", async () => {
    const sha = await push(place, repository, { from: "main", branch: "main", change: { ".adorable/spec.json": "{" } });

    const check = await eventually("the commit says so", async () =>
      (await ada.checks(repository, sha)).find((one) => one.name === "adorable/release"),
    );
    expect(check).toMatchObject({ conclusion: "failure", output: { summary: expect.stringContaining("is not JSON") } });
    await expectUntouched();
    await push(place, repository, { from: "main", branch: "main", change: { ".adorable/spec.json": spec } });
  });

  test.each([
    ["exits", "process.exit(3);\n", /ended with 3/],
    ["hangs", "await new Promise((resolve) => setTimeout(resolve, 3_600_000));\n", /not ready within/],
  ])("is not changed by a server that %s, though somebody merges it", { timeout: 720_000 }, async (how, code, why) => {
    const number = await propose(how, { [SERVER]: (before) => `${before.replace("\ntry {", `\n${code}\ntry {`)}` });
    const checks = await endedChecks(place, repository, number);
    const red = checks.filter((check) => check.conclusion !== "success").map((check) => check.name.replace("adorable/", ""));
    expect(red).toEqual(expect.arrayContaining(["contract", "browse", "preview"]));
    expect(checks.find((check) => check.name === "adorable/contract")?.output.summary).toMatch(why);
    const preview = await addressOf(place, repository, "blog", { kind: "change", number });
    expect((await fetchApp(preview)).status).toBe(404);

    await expectRefused(number);
  });

  test("goes on at the same address with the same rows after the platform was stopped and started", async () => {
    const view = async (): Promise<unknown> => ({
      address: await addressOf(place, repository, "blog"),
      titles: await place.operator.query(await production(place, repository), "select id::text, title from blog.posts order by 1"),
      releases: (await project(place, repository)).releases,
      dsn: (await place.operator.database.credential(await production(place, repository), "app_blog")).dsn,
    });
    const before = await view();
    await place.restart();
    ada = place.ada;

    expect(await view()).toEqual(before);
    await expectUntouched();
  });

  /** Reverts the merge, which leaves main as what is live. */
  async function takeBack(number: number): Promise<void> {
    const revert = await ada.revert(repository, number);
    await ada.merge(repository, revert.number);
  }
});
