/** What people may write to the platform, and what it answers: every mention ends in an answer, and nothing is built that was not approved. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../src/demo/check.ts";
import { fetchApp } from "../../src/demo/http.ts";
import type { Comment, Person } from "../../src/demo/people.ts";
import { createGitHub } from "../../src/github/create-github.ts";
import { addressOf, botSays, createProject, endedChecks, openPlace, person, project, stored, type Place } from "./place.ts";

interface Request {
  id: string;
  state: string;
  verb: string;
  plan_hash: string | null;
  error: { code: string } | null;
}

describe("a platform whose plans wait for approval", () => {
  let place: Place;
  let ada: Person;
  let repository: string;

  beforeAll(async () => {
    place = await openPlace({ approval: "plan" });
    ada = place.ada;
    repository = await createProject(place, "notes");
  });
  afterAll(() => place?.close());

  async function issue(title = "Something"): Promise<number> {
    return (await ada.openIssue(repository, title, "Words.")).number;
  }

  async function requestOf(comment: Comment): Promise<Request | undefined> {
    return (await stored<Request>(place, "select * from requests where source = $1", [`comment:${comment.id}`]))[0];
  }

  /** What became of the delivery that told of a comment. */
  async function settled(comment: Comment, action = "created"): Promise<{ state: string; note: string | null }> {
    return eventually("the delivery is settled", async () => {
      const rows = await stored<{ state: string; note: string | null }>(
        place,
        `select state, note from deliveries where event = 'issue_comment' and action = $2 and payload #>> '{comment,id}' = $1 and state <> 'received'`,
        [String(comment.id), action],
      );
      return rows[0];
    });
  }

  test("a reader is refused, with the permission that is missing", async () => {
    const eve = await person(place, "eve", repository, "read");
    const item = await issue();
    await eve.comment(repository, item, "@adorable add a blog app");

    await botSays(place, repository, item, /permission "read"/);
  });

  test("a bot that is not listed is refused, and our own words are never heard", async () => {
    const item = await issue();
    const robot = await place.machine.forge.createApp({
      slug: "robot",
      name: "Robot",
      webhookUrl: "http://127.0.0.1:9/",
      webhookSecret: "a secret of another app",
      permissions: { issues: "write", metadata: "read" },
      events: [],
    });
    await place.machine.forge.installApp("robot", repository);
    const github = createGitHub({ baseUrl: place.machine.urls.api, appId: robot.id, privateKey: robot.pem, botName: "robot" });
    await (await github.forInstallation(repository)).createComment(item, "robot:1", "@adorable add a blog app");

    await botSays(place, repository, item, /robot.*not one of those that may command/);
    const requests = await stored<Request>(place, "select * from requests where item_number = $1", [item]);
    expect(requests.map((one) => one.state)).toEqual(["refused"]);
  });

  test("a mention that an edit brings in is refused, with the way that works", async () => {
    const item = await issue();
    const comment = await ada.comment(repository, item, "Nothing for anybody.");
    await ada.call("PATCH", `/repos/${repository}/issues/comments/${comment.id}`, { body: "@adorable add a blog app" });

    await botSays(place, repository, item, /Write a new comment/);
    expect(await requestOf(comment)).toMatchObject({ state: "refused", error: { code: "edited-comment" } });
  });

  test("an edit of a comment that was obeyed changes nothing", async () => {
    const item = await issue();
    const comment = await ada.comment(repository, item, "@adorable help");
    await botSays(place, repository, item, /understands/);
    await ada.call("PATCH", `/repos/${repository}/issues/comments/${comment.id}`, { body: "@adorable add a blog app" });

    expect(await settled(comment, "edited")).toMatchObject({ state: "ignored" });
    expect(await requestOf(comment)).toMatchObject({ verb: "help", state: "answered" });
  });

  test.each([
    ["a quote", "> @adorable add a blog app\n\nI would not do that."],
    ["a code fence", "```\n@adorable add a blog app\n```\n"],
    ["the middle of a line", "Maybe ask @adorable add a blog app?"],
    ["an HTML comment", "<!--\n@adorable add a blog app\n-->\n"],
  ])("a mention in %s speaks to nobody and gets no answer", async (_where, body) => {
    const item = await issue();
    const comment = await ada.comment(repository, item, body);

    expect(await settled(comment)).toEqual({ state: "ignored", note: "nobody was spoken to" });
    expect(await requestOf(comment)).toBeUndefined();
    expect(await ada.comments(repository, item)).toHaveLength(1);
    expect(await ada.reactions(repository, comment.id)).toEqual([]);
  });

  test("a mention that says nothing is refused, with an example", async () => {
    const item = await issue();
    await ada.comment(repository, item, "@adorable");

    await botSays(place, repository, item, /says nothing to do/);
  });

  test("65,537 characters are refused by GitHub, and nothing of them arrives", async () => {
    const item = await issue();
    const long = "@adorable help\n".padEnd(65_537, "x");

    await expect(ada.comment(repository, item, long)).rejects.toThrow(/422/);
    await expect(ada.openIssue(repository, "Long", long)).rejects.toThrow(/422/);
    expect(await ada.comments(repository, item)).toEqual([]);
  });

  test("65,536 characters are heard", async () => {
    const item = await issue();
    const comment = await ada.comment(repository, item, "@adorable do the following with everything\n".padEnd(65_536, "word "));

    await botSays(place, repository, item, /ADORABLE_MODEL_PRODUCER/);
    expect(await requestOf(comment)).toMatchObject({ state: "answered" });
  });

  test("a request beyond the model gets a plain answer that names the setting, and builds nothing", async () => {
    const item = await issue();
    const pulls = (await ada.pulls(repository)).length;
    const comment = await ada.comment(repository, item, "@adorable translate the whole project to COBOL and charge cards for it");

    const answer = await botSays(place, repository, item, /ADORABLE_MODEL_PRODUCER/);
    expect(answer.body).toContain("ADORABLE_MODEL_ARCHITECT");
    expect(await requestOf(comment)).toMatchObject({ state: "answered" });
    expect(await ada.pulls(repository)).toHaveLength(pulls);
  });

  test.each([
    ["approve 000000000000", /No plan is waiting/],
    ["approve", /approve <plan hash>/],
    ["retry", /Nothing has failed here/],
    ["code+data", /nothing to choose/],
    ["undo", /not available/],
  ])("%s where there is nothing of the kind is refused in words", async (words, answer) => {
    const item = await issue();
    await ada.comment(repository, item, `@adorable ${words}`);

    await botSays(place, repository, item, answer);
  });

  test("too many requests on one issue are refused once, and then not answered any more", async () => {
    const item = await issue();
    const { id } = (await project(place, repository)).project;
    await stored(
      place,
      `insert into requests (id, project_id, source, item_number, verb, requester, state, finished_at, comment_digest)
       select 'req_many' || n, $1, 'comment:-' || n, $2, 'help', 'ada', 'answered', now(), 'ended:' from generate_series(1, 30) as n`,
      [id, item],
    );
    await ada.comment(repository, item, "@adorable help");
    await botSays(place, repository, item, /in an hour/);
    const silent = await ada.comment(repository, item, "@adorable help");

    expect(await settled(silent)).toMatchObject({ state: "ignored", note: expect.stringContaining("loop breaker") });
    expect(await requestOf(silent)).toBeUndefined();
  });

  test(
    "a plan is built when its hash is approved, that plan and no other, though the control plane is killed meanwhile",
    { timeout: 720_000 },
    async () => {
      const item = await issue("Recipes");
      const asked = await ada.comment(repository, item, "@adorable an app to keep recipes with name, servings and a vegetarian checkbox");
      const waiting = await botSays(place, repository, item, /approve [0-9a-f]{12}/);
      const hash = /approve ([0-9a-f]{12})/.exec(waiting.body)?.[1] ?? "";
      expect(await requestOf(asked)).toMatchObject({ state: "awaiting-approval", plan_hash: hash });
      expect(await ada.pulls(repository)).toEqual([]);

      const other = hash.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
      await ada.comment(repository, item, `@adorable approve ${other}`);
      await botSays(place, repository, item, /is .*, not/);
      const wes = await person(place, "wes", repository, "read");
      await wes.comment(repository, item, `@adorable approve ${hash}`);
      await botSays(place, repository, item, /wes has the permission "read"/);
      expect(await requestOf(asked)).toMatchObject({ state: "awaiting-approval" });

      await ada.comment(repository, item, `@adorable approve ${hash}`);
      await eventually("the runner has its session", async () => ((await requestOf(asked))?.state === "running" ? true : undefined));
      await place.machine.restartControlPlane();
      const pull = await eventually("the pull request is open", async () => (await ada.pulls(repository))[0], { timeoutMs: 360_000 });
      await eventually("a gate is under way", async () =>
        (await stored(place, "select 1 from runs where kind = 'verify' and state = 'running'")).length > 0 ? true : undefined,
      );
      await place.machine.restartControlPlane();

      const checks = await endedChecks(place, repository, pull.number);
      expect(checks.map((check) => `${check.name} ${check.conclusion ?? ""}`)).toEqual(checks.map((check) => `${check.name} success`));
      await eventually("the request has ended", async () => ((await requestOf(asked))?.state === "opened" ? true : undefined));
      await botSays(place, repository, item, new RegExp(`#${pull.number}|pull/${pull.number}`));
      expect(
        await stored(place, "select hash, approved_by from plans join requests r on r.id = request_id where r.source = $1", [
          `comment:${asked.id}`,
        ]),
      ).toEqual([{ hash, approved_by: "ada" }]);
      expect(await ada.pulls(repository)).toHaveLength(1);
    },
  );

  test("a platform that is stopped and started again has everything as it was", async () => {
    await eventually("the throwaway databases of the gates are gone", async () =>
      (await project(place, repository)).resources.every((one) => !one.id.includes("_run_")) ? true : undefined,
    );
    const before = await snapshot();
    await place.restart();
    ada = place.ada;

    expect(await snapshot()).toEqual(before);
  });

  async function snapshot(): Promise<unknown> {
    const [pull] = await ada.pulls(repository);
    const found = await project(place, repository);
    const app = found.changes.length === 0 ? "" : "recipes";
    const url = await addressOf(place, repository, app, { kind: "change", number: pull?.number ?? 0 });
    return {
      urls: place.machine.urls,
      project: found,
      preview: [url, (await fetchApp(url)).status],
      comments: (await ada.comments(repository, 1)).map((comment) => comment.body),
      requests: await stored(place, "select id, state, comment_id from requests order by id"),
    };
  }
});
