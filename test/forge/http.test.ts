/** What every part of the API has in common: pages, conditional requests, rate limits, request ids, and the deliveries of an App. */
import { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appJwt, startReceiver, startWorld, WEBHOOK_SECRET, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;
let head: string;

beforeAll(async () => {
  world = await startWorld();
  const app = await world.asApp();
  const main = (await app.rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object.sha;
  for (const name of ["one", "two"]) {
    await app.rest.git.createRef({ ...SHOP, ref: `refs/heads/${name}`, sha: main });
    await app.rest.git.createRef({ ...SHOP, ref: `refs/tags/${name}`, sha: main });
    for (const file of ["a", "b"]) {
      const content = Buffer.from(`${name} ${file}\n`).toString("base64");
      const made = await app.rest.repos.createOrUpdateFileContents({
        ...SHOP,
        path: `${name}/${file}.txt`,
        branch: name,
        message: file,
        content,
      });
      head = made.data.commit.sha ?? "";
    }
    await app.rest.pulls.create({ ...SHOP, title: name, head: name, base: "main" });
    await app.rest.issues.create({ ...SHOP, title: name, labels: ["x", "y"] });
    await app.rest.repos.createRelease({ ...SHOP, tag_name: name });
    await app.rest.repos.createDeployment({ ...SHOP, ref: "main", environment: name, required_contexts: [] });
    await app.rest.checks.create({ ...SHOP, name, head_sha: main });
    await app.rest.repos.createCommitStatus({ ...SHOP, sha: main, state: "success", context: name });
    await app.rest.issues.createComment({ ...SHOP, issue_number: 2, body: name });
    await app.rest.reactions.createForIssue({ ...SHOP, issue_number: 2, content: name === "one" ? "eyes" : "heart" });
    await world.as("wren").rest.pulls.createReview({ ...SHOP, pull_number: 1, event: "COMMENT", body: name });
    await world.as("ann").rest.repos.createForAuthenticatedUser({ name: `more-${name}` });
  }
});
afterAll(() => world.close());

async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${world.forge.url}/api/v3${path}`, { headers: { authorization: "Bearer token-ann", ...headers } });
}

describe("every listing", () => {
  it.each([
    "/repos/ann/shop/issues?state=all",
    "/repos/ann/shop/issues/comments",
    "/repos/ann/shop/issues/2/comments",
    "/repos/ann/shop/issues/2/labels",
    "/repos/ann/shop/issues/2/reactions",
    "/repos/ann/shop/labels",
    "/repos/ann/shop/pulls",
    "/repos/ann/shop/pulls/1/commits",
    "/repos/ann/shop/pulls/1/files",
    "/repos/ann/shop/pulls/1/reviews",
    "/repos/ann/shop/commits?sha=one",
    "/repos/ann/shop/branches",
    "/repos/ann/shop/tags",
    "/repos/ann/shop/releases",
    "/repos/ann/shop/deployments",
    "/repos/ann/shop/environments",
    "/repos/ann/shop/collaborators",
    "/repos/ann/shop/commits/main/check-runs",
    "/repos/ann/shop/commits/main/statuses",
    "/repos/ann/shop/git/matching-refs/heads",
    "/user/repos",
    "/users/ann/repos",
  ])("is paged by Link headers that keep the query: %s", async (path) => {
    const separator = path.includes("?") ? "&" : "?";
    const items = async (response: Response): Promise<unknown[]> => {
      const body = (await response.json()) as unknown[] | Record<string, unknown[]>;
      return Array.isArray(body) ? body : (Object.values(body).find((value) => Array.isArray(value)) ?? []);
    };
    const first = await get(`${path}${separator}per_page=1`);
    expect(await items(first)).toHaveLength(1);
    const link = first.headers.get("link") ?? "";
    const next = new URL(/<([^>]+)>; rel="next"/.exec(link)?.[1] ?? "http://none");
    expect([next.searchParams.get("per_page"), next.searchParams.get("page")]).toEqual(["1", "2"]);
    const last = Number(new URL(/<([^>]+)>; rel="last"/.exec(link)?.[1] ?? "http://none").searchParams.get("page"));
    const all = await items(await get(`${path}${separator}per_page=1000`));
    expect(all).toHaveLength(last);
    const second = await get(next.pathname.replace("/api/v3", "") + next.search);
    expect(await items(second)).toEqual([all[1]]);
    expect(second.headers.get("link")).toContain('rel="prev"');
    expect(await items(await get(`${path}${separator}per_page=1&page=${last + 1}`))).toEqual([]);
  });

  it("of commits knows the path, the author and the time that were asked for", async () => {
    const app = await world.asApp();
    const list = async (query: object) =>
      (await app.rest.repos.listCommits({ ...SHOP, sha: "two", ...query })).data.map((one) => one.commit.message);
    expect(await list({ path: "two/a.txt" })).toEqual(["a"]);
    expect(await list({ author: "adorable[bot]" })).toEqual(["b", "a"]);
    expect(await list({ since: "2999-01-01T00:00:00Z" })).toEqual([]);
    const page = await get(`/repos/ann/shop/commits?sha=two&path=two/a.txt&per_page=1`);
    expect(page.headers.get("link")).toBeNull();
  });

  it("of the pull requests of a commit has that of its branch", async () => {
    const app = await world.asApp();
    const found = (await app.rest.repos.listPullRequestsAssociatedWithCommit({ ...SHOP, commit_sha: head })).data;
    expect(found.map((pull) => pull.head.ref)).toEqual(["two"]);
  });
});

describe("an answer", () => {
  it("that the caller has already is 304, costs nothing, and is sent again once it changed", async () => {
    const first = await get("/repos/ann/shop/issues/2");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^W\/"[0-9a-f]{64}"$/);
    const again = await get("/repos/ann/shop/issues/2", { "if-none-match": etag });
    expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    expect(again.headers.get("x-ratelimit-used")).toBe(first.headers.get("x-ratelimit-used"));
    await world.as("ann").rest.issues.createComment({ ...SHOP, issue_number: 2, body: "More" });
    expect((await get("/repos/ann/shop/issues/2", { "if-none-match": etag })).status).toBe(200);
    await expect(world.as("ann").rest.issues.get({ ...SHOP, issue_number: 2, headers: { "if-none-match": "*" } })).rejects.toMatchObject({
      status: 304,
    });
  });

  it("has an id of its own, also when it refuses", async () => {
    const answers = await Promise.all([get("/user"), get("/user"), get("/repos/ann/none"), get("/user", { authorization: "Bearer no" })]);
    expect(answers.map((one) => one.status)).toEqual([200, 200, 404, 401]);
    expect(new Set(answers.map((one) => one.headers.get("x-github-request-id"))).size).toBe(4);
  });

  it("counts down to the limit of its account, and is then refused until the hour is over", async () => {
    await world.restart({ requestsPerHour: 3 });
    const counted = async () => {
      const { status, headers } = await get("/user");
      return [status, headers.get("x-ratelimit-limit"), headers.get("x-ratelimit-remaining")];
    };
    expect([await counted(), await counted(), await counted()].map((one) => one[2])).toEqual(["2", "1", "0"]);
    const refused = await get("/user");
    expect([refused.status, ((await refused.json()) as { message: string }).message]).toEqual([
      403,
      expect.stringMatching(/^API rate limit exceeded for user ID \d+\.$/),
    ]);
    expect(Number(refused.headers.get("x-ratelimit-reset")) * 1000).toBeGreaterThan(Date.now());
    // Asking costs nothing, and others have a limit of their own.
    expect((await world.as("ann").rest.rateLimit.get()).data.rate).toMatchObject({ limit: 3, used: 3, remaining: 0 });
    expect((await world.as("wren").rest.users.getAuthenticated()).status).toBe(200);
    await world.restart();
    expect((await get("/user")).status).toBe(200);
  });
});

describe("a delivery", () => {
  const asItself = (): Octokit => new Octokit({ auth: appJwt(world.app.id, world.app.pem), baseUrl: `${world.forge.url}/api/v3` });

  it("is listed by cursor, shown with what was sent and answered, and sent again with the same id", async () => {
    const app = asItself();
    const before = world.receiver.received.length;
    const { number } = (await world.as("wren").rest.issues.create({ ...SHOP, title: "Again" })).data;
    await expect.poll(() => world.receiver.received.length).toBe(before + 1);
    const sent = world.receiver.received.at(-1);
    const newest = async () => (await app.rest.apps.listWebhookDeliveries({ per_page: 2 })).data;
    await expect.poll(async () => (await newest())[0]?.status).toBe("OK");
    const [delivery] = await newest();
    expect(delivery).toMatchObject({ guid: sent?.guid, event: "issues", action: "opened", status_code: 202, redelivery: false });

    const whole = (await app.rest.apps.getWebhookDelivery({ delivery_id: delivery?.id ?? 0 })).data;
    expect(whole.request.payload).toMatchObject({ action: "opened", issue: { number } });
    expect(whole.request.headers).toMatchObject({ "x-github-delivery": sent?.guid, "x-github-event": "issues" });
    expect(whole.response).toMatchObject({ payload: "ok" });

    expect((await app.rest.apps.redeliverWebhookDelivery({ delivery_id: delivery?.id ?? 0 })).status).toBe(202);
    await expect.poll(() => world.receiver.received.filter((one) => one.guid === sent?.guid).length).toBe(2);
    expect(world.receiver.received.at(-1)?.payload).toEqual(sent?.payload);
    await expect
      .poll(async () => (await newest()).map((one) => [one.guid === sent?.guid, one.redelivery]))
      .toEqual([
        [true, true],
        [true, false],
      ]);

    const all: number[] = [];
    for await (const { data } of app.paginate.iterator(app.rest.apps.listWebhookDeliveries, { per_page: 7 }))
      all.push(...data.map((one) => one.id));
    expect(all).toEqual([...new Set(all)].sort((a, b) => b - a));
    expect(all.length).toBe(world.receiver.received.length);
    await expect(app.rest.apps.getWebhookDelivery({ delivery_id: 999_999 })).rejects.toMatchObject({ status: 404 });
  });

  it("that nobody answered is kept as failed, and reaches the receiver when it is sent again", async () => {
    const app = asItself();
    const receiver = await startReceiver();
    const { url } = receiver;
    // By hand: the client takes a parameter of that name for where to call.
    const configure = (data: object) => app.request("PATCH /app/hook/config", { data });
    await receiver.close();
    await configure({ url, secret: WEBHOOK_SECRET });
    await world.as("wren").rest.issues.create({ ...SHOP, title: "Unheard" });
    const failed = async () => (await app.rest.apps.listWebhookDeliveries({ per_page: 1 })).data[0];
    await expect.poll(async () => (await failed())?.status_code).toBe(502);
    expect((await app.rest.apps.getWebhookConfigForApp()).data).toMatchObject({ url, content_type: "json", secret: "********" });
    await configure({ url: world.receiver.url });
    const heard = world.receiver.received.length;
    await app.rest.apps.redeliverWebhookDelivery({ delivery_id: (await failed())?.id ?? 0 });
    await expect.poll(() => world.receiver.received.length).toBe(heard + 1);
    expect(world.receiver.received.at(-1)).toMatchObject({ isSigned: true, payload: { issue: { title: "Unheard" } } });
  });
});
