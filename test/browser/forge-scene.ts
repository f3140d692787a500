/** A forge with pages and something on every one of them: requests with their sticky comments, checks with evidence, merges, a release, a run. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { impactText, pullRequestText, releaseText, requestText } from "../../src/command/texts.ts";
import type { GateView, PlanView, RequestView } from "../../src/command/view.ts";
import { createPages } from "../../src/forge/pages/pages.ts";
import { startWorld, type World } from "../forge/support.ts";

const SHOP = { owner: "ann", repo: "shop" };
const GATES = ["types", "modules", "tests", "contract", "browse"] as const;

export interface Scene {
  world: World;
  url: string;
  /** The issue whose sticky comment shows a request in work. */
  issue: number;
  /** With checks, one of them failed, and a preview; merging it is possible. */
  open: number;
  conflicting: number;
  merged: number;
  revert: number;
  /** Adds a file, and has no checks. */
  queued: number;
  run: number;
  /** The path of a page that logs its first visitor in. */
  logIn(login: string, next?: string): Promise<string>;
  close(): Promise<void>;
}

export const HOSTILE = `<script>document.title = "owned"</script>
<img src=x onerror="document.title='owned'"> <svg onload=alert(1)> <a href="javascript:alert(1)">raw</a>
[click](javascript:alert(1)) [click2](JaVaScRiPt&colon;alert(1)) [click3](<data:text/html,<script>alert(1)</script>>)
[out](//evil.example) [out2](/\\evil.example) ![x](javascript:alert(1)) [quoted](http://a/"onmouseover="alert(1))

<!-- hidden marker --> visible <!-- hidden again -->

<style>body{display:none}</style><iframe src="/"></iframe><form action="/logout"><button>x</button></form>

</details></div></main><strong>never closed <em>

<details><summary>More</summary>

Inside <sub>small</sub><br>next

<div onclick="alert(1)">`;

export async function startScene(): Promise<Scene> {
  const world = await startWorld();
  await world.restart({ pages: createPages });
  const pictures = await servePictures();
  try {
    return await fill(world, pictures);
  } catch (error) {
    await pictures.close();
    await world.close();
    throw error;
  }
}

async function fill(world: World, pictures: { url: string; close(): Promise<void> }): Promise<Scene> {
  const { url } = world.forge;
  const [ann, wren, bot] = [world.as("ann"), world.as("wren"), await world.asApp()];
  await world.admin("repositories", { owner: "ann", name: "hidden", private: true, files: { "README.md": "# Hidden\n" } });
  await world.admin("repositories", { owner: "ann", name: "blank" });
  await world.admin("repositories", { owner: "ann", name: "fresh", files: { "README.md": README, "docs/a.svg": pictureOf("A") } });
  await world.admin("installations", { app: "adorable", owner: "ann", repositories: ["ann/shop", "ann/fresh"] });
  const comment = async (as: typeof ann, number: number, body: string) =>
    (await as.rest.issues.createComment({ ...SHOP, issue_number: number, body })).data;

  const { data: issue } = await ann.rest.issues.create({
    ...SHOP,
    title: "A blog for the shop",
    body: "@adorable add a blog app\n\n- posts with a slug\n- comments",
  });
  const asked = await comment(wren, issue.number, "Posts should have **tags** too. See `apps/blog/src/shared/models.ts`.");
  await bot.rest.reactions.createForIssueComment({ ...SHOP, comment_id: asked.id, content: "eyes" });
  await comment(
    bot,
    issue.number,
    `<!-- adorable:sticky req_1 -->\n${requestText(request({ phase: "verifying", gates: gates(url, ["success", "success", "started", "waiting", "waiting"]) }))}`,
  );

  const pull = async (
    branch: string,
    title: string,
    files: Record<string, string>,
    body: string,
  ): Promise<{ number: number; sha: string }> => {
    const main = (await ann.rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object.sha;
    await ann.rest.git.createRef({ ...SHOP, ref: `refs/heads/${branch}`, sha: main });
    for (const [path, text] of Object.entries(files)) {
      const known = await ann.rest.repos.getContent({ ...SHOP, path, ref: branch }).then(
        ({ data }) => ("sha" in data ? { sha: data.sha } : {}),
        () => ({}),
      );
      const content = Buffer.from(text).toString("base64");
      await ann.rest.repos.createOrUpdateFileContents({ ...SHOP, path, branch, message: `${title}: ${path}`, content, ...known });
    }
    const { data } = await bot.rest.pulls.create({ ...SHOP, head: branch, base: "main", title, body });
    return { number: data.number, sha: data.head.sha };
  };
  const check = async (
    sha: string,
    index: number,
    conclusion: "success" | "failure" | undefined,
    summary: string,
    annotations: object[] = [],
  ) => {
    const title = conclusion === "failure" ? "1 of 11 tests failed" : conclusion === undefined ? "Running" : "nothing is wrong";
    await bot.rest.checks.create({
      ...SHOP,
      head_sha: sha,
      name: `adorable/${GATES[index]}`,
      output: { title, summary, annotations: annotations as [] },
      ...(conclusion === undefined ? { status: "in_progress" } : { status: "completed", conclusion }),
    });
  };

  const merged = await pull(
    "adorable/blog-1",
    "Add a blog app",
    { "apps/blog/src/server/posts.ts": postsFile("slug"), "README.md": "# Shop\n\nWith a blog.\n" },
    pullText(),
  );
  for (const index of GATES.keys()) await check(merged.sha, index, "success", `### apps/blog\n\nEverything passed in ${index + 1} s.`);
  await wren.rest.pulls.createReview({
    ...SHOP,
    pull_number: merged.number,
    event: "APPROVE",
    body: "Reads well.",
    comments: [{ path: "README.md", line: 3, side: "RIGHT", body: "Nice." }],
  });
  const { data: merge } = await ann.rest.pulls.merge({ ...SHOP, pull_number: merged.number });
  const release = releaseText(releaseView(url, merge.sha, merged.number));
  await comment(bot, merged.number, release);
  await bot.rest.repos.createRelease({ ...SHOP, tag_name: "release-1", target_commitish: merge.sha, name: "Release 1", body: release });

  const { data: production } = await bot.rest.repos.createDeployment({
    ...SHOP,
    ref: merge.sha,
    environment: "production",
    description: "Release 1",
    production_environment: true,
    auto_merge: false,
    required_contexts: [],
  });
  if ("id" in production)
    await bot.rest.repos.createDeploymentStatus({
      ...SHOP,
      deployment_id: production.id,
      state: "success",
      description: "Release 1 is live",
      environment_url: "http://blog--shop.localhost:8080",
    });

  const open = await pull(
    "adorable/tags-of-posts-with-a-rather-long-branch-name",
    "Posts have tags, which people can pick from a list, and a page shows the posts of one tag",
    {
      "apps/blog/src/server/posts.ts": postsFile("tags"),
      "apps/blog/db/migrations/20260102000000_tags.sql":
        "create table tags (\n  id bigint generated always as identity primary key,\n  name text not null unique\n);\n",
      "docs/ümläut name.md": "A file.\n",
    },
    pullText(),
  );
  await check(open.sha, 0, "success", "### apps/blog\n\n42 files, no error, 0.9 s.");
  await check(
    open.sha,
    1,
    "success",
    "| Module | Imports |\n|---|--:|\n| `src/server/posts.ts` | 4 |\n| `src/client/routes/a-rather-long-name-of-a-route-file.tsx` | 12 |",
  );
  await check(
    open.sha,
    2,
    "failure",
    `### apps/blog\n\n\`\`\`\nFAIL src/server/posts.test.ts > a post > has a slug that nobody else has\nAssertionError: expected 'a-title' to be 'a-title-2' // ${"x".repeat(160)}\n\`\`\``,
    [
      {
        path: "apps/blog/src/server/posts.test.ts",
        start_line: 31,
        end_line: 31,
        annotation_level: "failure",
        message: "expected 'a-title' to be 'a-title-2'",
        title: "a post has a slug that nobody else has",
      },
    ],
  );
  await check(open.sha, 3, undefined, "This gate is running.");
  await check(
    open.sha,
    4,
    "success",
    `### apps/blog\n\nLoaded in 228 ms; no console error, no failed request.\n\n![blog desktop.png](${pictures.url}/desktop)\n\n![blog phone.png](${pictures.url}/phone)`,
  );
  const { data: deployment } = await bot.rest.repos.createDeployment({
    ...SHOP,
    ref: open.sha,
    environment: `preview/pr-${open.number}`,
    auto_merge: false,
    required_contexts: [],
  });
  if ("id" in deployment)
    await bot.rest.repos.createDeploymentStatus({
      ...SHOP,
      deployment_id: deployment.id,
      state: "success",
      environment_url: `http://blog--shop-pr-${open.number}.localhost:8080`,
    });
  await comment(
    bot,
    open.number,
    requestText(
      request({
        phase: "failed",
        gates: gates(url, ["success", "success", "failure", "started", "success"]),
        error: {
          code: "gate-failed",
          remedy: "author",
          message: 'The gate "tests" failed: a post has a slug that nobody else has.',
          hint: "Say what shall be different.",
        },
      }),
    ),
  );

  const conflicting = await pull("adorable/readme", "Say more in the readme", { "README.md": "# Shop\n\nAnother line.\n" }, "Conflicts.");
  const readme = (await ann.rest.repos.getContent({ ...SHOP, path: "README.md" })).data;
  await ann.rest.repos.createOrUpdateFileContents({
    ...SHOP,
    path: "README.md",
    message: "Readme",
    content: Buffer.from("# Shop\n\nYet another.\n").toString("base64"),
    ...("sha" in readme ? { sha: readme.sha } : {}),
  });

  const reverting = await pull("revert-blog", "Take the blog back", { "apps/blog/src/server/posts.ts": "" }, impactBody());
  const queued = await pull("adorable/notes", "Keep notes", { "NOTES.md": "One.\n" }, "Notes.");
  const { data: run } = await ann.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
    ...SHOP,
    workflow_id: "adorable.yml",
    ref: "main",
    inputs: { phase: "work", mode: "fail" },
    return_run_details: true,
  });
  return {
    world,
    url,
    issue: issue.number,
    open: open.number,
    conflicting: conflicting.number,
    merged: merged.number,
    revert: reverting.number,
    queued: queued.number,
    run: (run as unknown as { workflow_run_id: number }).workflow_run_id,
    logIn: async (login, next = "/") => (await world.admin("login-links", { login, next })).url,
    async close() {
      await pictures.close();
      await world.close();
    },
  };
}

const README = `# Fresh

What this is: [a page of it](docs/start.md), a [picture](docs/a.svg), and an issue: #1.

![A picture of it](docs/a.svg)

- [x] begun
- [ ] ended

| Name | Amount |
|---|--:|
| one | 1 |
`;

function postsFile(word: string): string {
  const lines = Array.from({ length: 24 }, (_, index) => `export const ${index === 12 ? word : `field${index}`} = ${index};`);
  return `${lines.join("\n")}\n/** ${`A long line about ${word}. `.repeat(12)}*/\n`;
}

function plan(): PlanView {
  const task = (title: string, state: PlanView["tasks"][number]["state"]): PlanView["tasks"][number] => ({ title, app: "blog", state });
  return {
    hash: "0123456789ab",
    title: "Add a blog app",
    summary: "A blog with posts and tags: a list, a page for each post and a form.",
    createsApps: ["Blog"],
    tasks: [task("Keep posts in a table", "done"), task("Show and edit posts", "started"), task("Let people find posts by tag", "waiting")],
  };
}

function request(change: Partial<RequestView>): RequestView {
  return {
    botName: "adorable",
    reference: "req_1",
    requester: "ann",
    title: "Add a blog app",
    phase: "running",
    elapsedMs: 72_000,
    usage: { inputTokens: 12_345, outputTokens: 678, calls: 2, cost: 0 },
    plan: plan(),
    gates: [],
    pullRequest: { number: 3, url: "http://127.0.0.1:8080/ann/shop/pull/3" },
    previews: [{ text: "Blog", url: "http://blog--shop-pr-3.localhost:8080" }],
    run: { text: "workflow run", url: "http://127.0.0.1:8080/ann/shop/actions/runs/1" },
    answer: undefined,
    error: undefined,
    ...change,
  };
}

function gates(url: string, states: GateView["state"][]): GateView[] {
  return GATES.map((gate, index) => ({
    gate,
    state: states[index] ?? "waiting",
    title: states[index] === "failure" ? "1 of 11 tests failed" : "42 files, 0 errors",
    url: `${url}/ann/shop/runs/${index + 1}`,
  }));
}

function pullText(): string {
  return pullRequestText({
    botName: "adorable",
    requester: "ann",
    issue: 1,
    summary: "Posts are kept in a table and shown in a list.\n\nRun `npm test` to see the tests.",
    plan: plan(),
  });
}

function releaseView(url: string, commit: string, number: number) {
  return {
    number: 1,
    kind: "release" as const,
    commit,
    tree: commit,
    approver: "ann",
    pullRequest: { number, url: `${url}/ann/shop/pull/${number}` },
    planHash: "0123456789ab",
    apps: [{ text: "Blog", url: "http://blog--shop.localhost:8080" }],
    migrations: ["20260101000000_posts.sql"],
    rehearsal: [],
    checkpoint: "0/16B6C50",
    holdMs: 48,
    schemaHash: "a".repeat(64),
    ledgerHash: "b".repeat(64),
    gates: gates(url, ["success", "success", "success", "success", "success"]),
    rollback: undefined,
  };
}

function impactBody(): string {
  return impactText({
    botName: "adorable",
    live: 2,
    target: 1,
    countedAt: "2026-01-01T10:00:00.000Z",
    past: "0/16B6C50",
    present: "0/17C0000",
    tables: [
      { app: "blog", table: "posts", inserted: 1234, updated: 3, deleted: 1 },
      { app: "blog", table: "tags_of_posts", inserted: 17, updated: 0, deleted: 0 },
    ],
    migrationsUndone: ["20260102000000_tags.sql"],
    appsRemoved: [],
    appsRestored: [],
    codeOnlyRefused: "the table `tags` would stay without code that fills it",
    codeAndDataRefused: null,
    choice: null,
    chosenBy: null,
    isMerged: false,
    happened: undefined,
    previews: [{ text: "Blog", url: "http://blog--shop-pr-6.localhost:8080" }],
  });
}

function pictureOf(text: string, width = 320, height = 120): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#eef"/><text x="40" y="90" font-size="48">${text}</text></svg>`;
}

/** Pictures lie at another address than the pages, as the control plane's evidence does. */
async function servePictures(): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const [width, height] = request.url === "/phone" ? [390, 844] : [1280, 800];
    response.writeHead(200, { "content-type": "image/svg+xml" });
    response.end(pictureOf(String(request.url), width, height));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
