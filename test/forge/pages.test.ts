/** The forge's pages without a browser: forms sent by hand, refusals, and who sees what. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { demandsOn, listRulesets } from "../../src/forge/rulesets.ts";
import { startScene, type Scene } from "../browser/forge-scene.ts";
import { visit, type Visitor } from "./visitor.ts";

const SHOP = { owner: "ann", repo: "shop" };
let scene: Scene;

beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene?.close());

const visitor = (login?: string): Promise<Visitor> => visit(scene, login);

function comments(number: number): string[] {
  const { state } = scene.world.forge.core;
  const repository = state.repository("ann", "shop");
  const issue = repository && state.issue(repository.id, number);
  return issue === undefined ? [] : state.comments(issue.id).items.map((comment) => comment.body);
}

function pull(number: number) {
  const { state } = scene.world.forge.core;
  return state.pull(state.repository("ann", "shop")?.id ?? 0, number);
}

/** Of the page's alert, as a person reads it. */
function sentence(text: string): string {
  return /role="alert">([^<]*)</.exec(text)?.[1] ?? "";
}

describe("without script", () => {
  test("an issue is opened and commented on, and each form answers 303 to where it shows", async () => {
    const ann = await visitor("ann");
    const opened = await ann.post("/ann/shop/issues/new", {
      ...(await ann.form("/ann/shop/issues/new", "/ann/shop/issues/new")),
      title: "By form",
      body: "one\r\ntwo",
    });
    expect(opened).toMatchObject({ status: 303, location: expect.stringMatching(/^\/ann\/shop\/issues\/\d+$/) });
    const path = opened.location ?? "";
    const action = `${path}/comments`;
    const written = await ann.post(action, { ...(await ann.form(path, action)), body: "A comment" });
    expect(written).toMatchObject({ status: 303, location: expect.stringMatching(new RegExp(`^${path}#issuecomment-\\d+$`)) });
    const { text } = await ann.get(path);
    expect(text).toContain("one<br>two");
    expect(text).toContain(`id="${written.location?.split("#")[1]}"`);
  });

  test("a pull request is merged and reverted", async () => {
    const wren = await visitor("wren");
    const path = `/ann/shop/pull/${scene.revert}`;
    expect(await wren.post(`${path}/merge`, await wren.form(path, `${path}/merge`))).toMatchObject({ status: 303, location: path });
    expect(pull(scene.revert)).toMatchObject({ isMerged: true, mergedById: scene.world.forge.core.state.accountByLogin("wren")?.id });
    const reverted = await wren.post(`${path}/revert`, await wren.form(path, `${path}/revert`));
    expect(reverted).toMatchObject({ status: 303, location: expect.stringMatching(/^\/ann\/shop\/pull\/\d+$/) });
    expect(pull(Number(reverted.location?.split("/").at(-1)))).toMatchObject({ revertsNumber: scene.revert, state: "open" });
    expect((await wren.get(path)).text).not.toContain(`action="${path}/revert"`);
  });

  test("a pull request is closed with a last word and opened again; its branch is deleted and brought back", async () => {
    const ann = await visitor("ann");
    const path = `/ann/shop/pull/${scene.conflicting}`;
    const action = `/ann/shop/issues/${scene.conflicting}/comments`;
    const written = await ann.post(action, { ...(await ann.form(path, action)), body: "Not now", state: "closed" });
    expect(written).toMatchObject({ status: 303, location: expect.stringMatching(/#issuecomment-\d+$/) });
    expect(pull(scene.conflicting)?.state).toBe("closed");
    const ref = (): string | undefined =>
      scene.world.forge.core.state.ref(pull(scene.conflicting)?.repositoryId ?? 0, "refs/heads/adorable/readme");
    for (const [act, there] of [
      ["delete", false],
      ["restore", true],
    ] as const) {
      expect((await ann.post(`${path}/branch`, { ...(await ann.form(path, `${path}/branch`)), do: act })).status).toBe(303);
      expect(ref() !== undefined).toBe(there);
    }
    expect(await ann.post(action, { ...(await ann.form(path, action)), body: " ", state: "open" })).toMatchObject({ location: path });
    expect(pull(scene.conflicting)).toMatchObject({ state: "open", isMergeable: false });
    expect(comments(scene.conflicting)).toEqual(["Not now"]);
  });

  test("a review is sent, and nobody approves what is their own", async () => {
    const wren = await visitor("wren");
    const path = `/ann/shop/pull/${scene.open}`;
    const fields = await wren.form(`${path}/files`, `${path}/reviews`);
    const sent = await wren.post(`${path}/reviews`, { ...fields, event: "REQUEST_CHANGES", body: "Not like this" });
    expect(sent).toMatchObject({ status: 303, location: expect.stringMatching(/#pullrequestreview-\d+$/) });
    expect((await wren.get(path)).text).toContain("asked for changes");
    expect((await wren.post(`${path}/reviews`, { ...fields, event: "COMMENT", body: " " })).status).toBe(422);
    const outside = { ...fields, path: "nowhere.ts", line: "1", body: "What?" };
    expect((await wren.post(`${path}/lines`, outside)).status).toBe(422);
  });

  test("a run is run again", async () => {
    const ann = await visitor("ann");
    const path = `/ann/shop/actions/runs/${scene.run}`;
    const run = () => scene.world.forge.core.state.workflowRun(scene.run);
    await expect.poll(() => run()?.status).toBe("completed");
    expect(await ann.post(`${path}/rerun`, await ann.form(path, `${path}/rerun`))).toMatchObject({ status: 303, location: path });
    expect(run()?.attempt).toBe(2);
    await expect.poll(() => run()?.status).toBe("completed");
  });

  test("colours are remembered without being logged in", async () => {
    const send = (theme: string) =>
      fetch(`${scene.url}/theme`, { method: "POST", body: new URLSearchParams({ theme }), redirect: "manual" });
    const answer = await send("dark");
    const cookie = (answer.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/"]);
    expect(await (await fetch(scene.url, { headers: { cookie } })).text()).toContain('data-theme="dark"');
    expect((await send('dark" onload="x')).status).toBe(422);
    expect(await (await fetch(scene.url, { headers: { cookie: 'forge_theme=x"y' } })).text()).not.toContain("data-theme");
  });

  test("admins change what a repository is and who may do what; others cannot", async () => {
    const [ann, wren] = [await visitor("ann"), await visitor("wren")];
    const path = "/ann/fresh/settings";
    const { state } = scene.world.forge.core;
    const role = () => state.role(state.repository("ann", "fresh") as never, state.accountByLogin("rita") as never);
    const fields = await ann.form(path, path);
    await ann.post(path, { ...fields, description: " What it is ", default: "main", visibility: "private" });
    expect(state.repository("ann", "fresh")).toMatchObject({ description: "What it is", isPrivate: true });
    expect((await wren.get("/ann/fresh")).status).toBe(404);
    await ann.post(`${path}/people`, { ...fields, login: "rita", role: "write" });
    expect(role()).toBe("write");
    await ann.post(`${path}/people`, { ...fields, login: "rita", role: "none" });
    expect(role()).toBe("none");
    const rules = () => demandsOn(scene.world.forge.core, state.repository("ann", "fresh") as never, "main");
    await ann.post(`${path}/rules`, { ...fields, "check:tests": "yes", queue: "yes", method: "squash", pulls: "yes", bypass: "yes" });
    expect(rules()).toMatchObject({ checks: ["tests"], queue: { method: "squash" } });
    const rulesets = listRulesets(scene.world.forge.core, state.repository("ann", "fresh")?.id ?? 0);
    expect(rulesets.map(({ rules: of, bypassActors }) => [of.map(({ type }) => type), bypassActors.map((one) => one.actor_id)])).toEqual([
      [["pull_request", "required_status_checks", "merge_queue"], [5]],
    ]);
    await ann.post(`${path}/rules`, fields);
    expect(rules()).toMatchObject({ checks: [], queue: undefined });
    const nobody = await ann.post(`${path}/people`, { ...fields, login: "nobody", role: "write" });
    expect([nobody.status, sentence(nobody.text)]).toEqual([422, "There is nobody of that name here."]);
    expect([(await wren.get("/ann/shop/settings")).status, (await (await visitor()).get("/ann/shop/settings")).status]).toEqual([403, 401]);
    const { csrf = "" } = await wren.form("/", "/logout");
    for (const form of ["", "/people", "/rules"])
      expect((await wren.post(`/ann/shop/settings${form}`, { csrf, login: "wren", role: "admin" })).status).toBe(403);
  });

  test("logging out ends the session itself, not only the browser's cookie", async () => {
    const ann = await visitor("ann");
    expect((await ann.post("/logout", await ann.form("/", "/logout"))).status).toBe(303);
    expect((await ann.get("/ann/hidden")).status).toBe(404);
  });

  test("a login link works once, and leads to this site only", async () => {
    const follow = (url: string) => fetch(url, { redirect: "manual" });
    const link = await scene.logIn("ann", "/ann/shop?x=1#y");
    const first = await follow(link);
    expect([first.status, first.headers.get("location")]).toEqual([303, "/ann/shop?x=1#y"]);
    const second = await follow(link);
    expect([second.status, sentence(await second.text())]).toEqual([401, "This link was used or has expired. Make a new one."]);
    for (const next of [
      "//elsewhere.example",
      "/\\elsewhere.example",
      "https://elsewhere.example",
      "/\t/elsewhere.example",
      "/.//elsewhere.example",
    ])
      expect((await follow(await scene.logIn("ann", next))).headers.get("location")).toBe("/");
  });
});

describe("a form is refused with a page", () => {
  const action = () => `/ann/shop/issues/${scene.issue}/comments`;

  test("without a session: 401, and nothing that was typed is lost", async () => {
    const before = comments(scene.issue);
    const answer = await (await visitor()).post(action(), { body: "Long <thoughts>" });
    expect(answer.status).toBe(401);
    expect(sentence(answer.text)).toContain("Log in");
    expect(answer.text).toContain("Long &lt;thoughts&gt;</textarea>");
    expect(comments(scene.issue)).toEqual(before);
  });

  test.each([
    ["with none", {}],
    ["with a wrong one", { csrf: "wrong" }],
  ])("%s of its session's tokens: 403", async (_title, fields) => {
    const before = comments(scene.issue);
    const ann = await visitor("ann");
    const answer = await ann.post(action(), { ...fields, body: "No" });
    expect([answer.status, sentence(answer.text)]).toEqual([
      403,
      "This form is not of your session. Open its page again and send it from there.",
    ]);
    expect(comments(scene.issue)).toEqual(before);
  });

  test("with the token of another session: 403", async () => {
    const [ann, wren] = [await visitor("ann"), await visitor("wren")];
    const { csrf = "" } = await wren.form(`/ann/shop/issues/${scene.issue}`, action());
    expect((await ann.post(action(), { csrf, body: "No" })).status).toBe(403);
  });

  test("that is empty or too long", async () => {
    const ann = await visitor("ann");
    const fields = await ann.form(`/ann/shop/issues/${scene.issue}`, action());
    const empty = await ann.post(action(), { ...fields, body: "  " });
    expect([empty.status, sentence(empty.text)]).toEqual([422, "The body is missing."]);
    expect((await ann.post(action(), { ...fields, body: "x".repeat(70_000) })).status).toBe(422);
    expect((await ann.post(action(), { ...fields, body: "x".repeat(2_000_000) })).status).toBe(413);
  });

  test("of a reader who merges: no button, and a sentence for whoever sends it all the same", async () => {
    const rita = await visitor("rita");
    const path = `/ann/shop/pull/${scene.open}`;
    const { text } = await rita.get(path);
    expect(text).not.toContain("/merge");
    expect(text).toContain("to merge takes write access");
    const answer = await rita.post(`${path}/merge`, await rita.form(path, `/ann/shop/issues/${scene.open}/comments`));
    expect([answer.status, sentence(answer.text)]).toEqual([
      403,
      "You may read and comment here. This takes write access to the repository.",
    ]);
    expect(pull(scene.open)?.isMerged).toBe(false);
    expect(
      (await rita.post(`/ann/shop/pull/${scene.merged}/revert`, await rita.form(path, `/ann/shop/issues/${scene.open}/comments`))).status,
    ).toBe(403);
  });

  test("that merges what conflicts, or another head than was seen", async () => {
    const ann = await visitor("ann");
    const { csrf = "" } = await ann.form("/", "/logout");
    const conflict = await ann.post(`/ann/shop/pull/${scene.conflicting}/merge`, { csrf });
    expect([conflict.status, sentence(conflict.text)]).toEqual([405, expect.stringContaining("conflicts with its base")]);
    const moved = await ann.post(`/ann/shop/pull/${scene.open}/merge`, { csrf, sha: "0".repeat(40) });
    expect([moved.status, sentence(moved.text)]).toEqual([409, expect.stringContaining("Something was pushed")]);
    expect(pull(scene.open)?.isMerged).toBe(false);
  });
});

describe("who sees what", () => {
  test("a private repository is nowhere for those who may not see it", async () => {
    for (const who of [await visitor(), await visitor("rita")]) {
      for (const path of ["", "/issues", "/issues/new", "/actions", "/blob/main/README.md", "/commit/main", "/_changes"])
        expect((await who.get(`/ann/hidden${path}`)).status, path).toBe(404);
      expect((await who.get("/")).text).not.toContain("ann/hidden");
      expect((await who.get("/ann/hidden")).text).toBe((await who.get("/ann/nowhere")).text);
    }
    const ann = await visitor("ann");
    expect((await ann.get("/ann/hidden")).status).toBe(200);
    expect((await ann.get("/")).text).toContain("ann/hidden");
  });

  test("whoever is not logged in gets no form but the one for colours", async () => {
    const nobody = await visitor();
    for (const path of [`/issues/${scene.issue}`, `/pull/${scene.open}`, `/pull/${scene.merged}`])
      expect((await nobody.get(`/ann/shop${path}`)).text.match(/<form [^>]*>/g)).toEqual([
        expect.stringContaining('method="post" action="/theme"'),
      ]);
    expect((await nobody.get("/ann/shop/issues/new")).status).toBe(401);
  });

  test("where the API says that something is, there is a page", async () => {
    const nobody = await visitor();
    const ann = scene.world.as("ann");
    const checks = (await ann.rest.checks.listForRef({ ...SHOP, ref: pull(scene.open)?.headSha ?? "" })).data.check_runs;
    const { data: issueComments } = await ann.rest.issues.listComments({ ...SHOP, issue_number: scene.issue });
    const { data: commit } = await ann.rest.repos.getCommit({ ...SHOP, ref: "main" });
    const { data: release } = await ann.rest.repos.getReleaseByTag({ ...SHOP, tag: "release-1" });
    const { data: jobs } = await ann.rest.actions.listJobsForWorkflowRun({ ...SHOP, run_id: scene.run });
    const addresses = [
      checks[0]?.html_url,
      issueComments[0]?.html_url,
      commit.html_url,
      release.html_url,
      jobs.jobs[0]?.html_url,
      `${scene.url}/ann`,
    ];
    for (const address of addresses) {
      const answer = await fetch(address ?? "", { headers: { accept: "text/html" } });
      expect(answer.status, address ?? "none").toBe(200);
      const anchor = new URL(answer.url).hash.slice(1) || new URL(address ?? "").hash.slice(1);
      if (anchor !== "") expect(await answer.text(), address ?? "none").toContain(`id="${anchor}"`);
    }
    expect((await nobody.get(`/ann/shop/actions/runs/${scene.run}/job/${jobs.jobs[0]?.id}/log`)).headers.get("content-type")).toContain(
      "text/plain",
    );
  });

  test("a file is given as it is, and can do nothing on this site", async () => {
    const ann = await visitor("ann");
    const text = await ann.get("/ann/fresh/raw/main/README.md");
    expect([text.headers.get("content-type"), text.text.split("\n", 1)[0]]).toEqual(["text/plain; charset=utf-8", "# Fresh"]);
    const picture = await ann.get("/ann/fresh/raw/main/docs/a.svg");
    expect([picture.headers.get("content-type"), picture.headers.get("content-security-policy")]).toEqual([
      "image/svg+xml",
      expect.stringContaining("sandbox"),
    ]);
    expect((await ann.get("/ann/fresh/raw/main/docs")).status).toBe(404);
    const page = (await ann.get("/ann/fresh")).text;
    expect(page).toContain('<img src="/ann/fresh/raw/main/docs/a.svg"');
    expect(page).toContain('href="/ann/fresh/blob/main/docs/start.md"');
    expect(page).toContain('href="/ann/fresh/issues/1"');
  });

  test("an empty repository says how to push, and one with an App how to ask", async () => {
    const ann = await visitor("ann");
    expect((await ann.get("/ann/blank")).text).toContain(`git remote add origin ${scene.url}/ann/blank.git`);
    const { text } = await ann.get("/ann/fresh/issues");
    const link = /href="(\/ann\/fresh\/issues\/new\?[^"]*)"/.exec(text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    expect((await ann.get(link)).text).toMatch(/<textarea[^>]*>\s*@adorable add a blog app[^<]*<\/textarea/);
  });

  test("what is nowhere answers people with a page and programs as GitHub does", async () => {
    const nobody = await visitor();
    for (const path of ["/nowhere", "/ann/nowhere", "/ann/shop/nowhere", "/search/issues"]) {
      const page = await nobody.get(path);
      expect([page.status, page.headers.get("content-type")], path).toEqual([404, expect.stringContaining("text/html")]);
      expect(page.headers.get("content-security-policy"), path).toContain("default-src 'self'");
      const json = await nobody.get(path, { accept: "application/vnd.github+json" });
      expect([json.status, JSON.parse(json.text)], path).toEqual([
        404,
        expect.objectContaining({ message: expect.any(String), status: "404" }),
      ]);
    }
    for (const path of ["/repos/ann/nowhere", "/api/v3/nowhere", "/users/nobody", "/_forge/nowhere"])
      expect((await nobody.get(path)).headers.get("content-type"), path).toContain("application/json");
  });
});
