/** Who may do what, and how the forge refuses: in GitHub's status codes and words. */
import { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appJwt, startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;

beforeAll(async () => {
  world = await startWorld();
  await world.admin("repositories", { owner: "ann", name: "secret", private: true, files: { "a.txt": "a" } });
});
afterAll(() => world.close());

/** A raw call; the path below `/api/v3`. */
async function call(path: string, init: RequestInit & { token?: string } = {}): Promise<{ status: number; body: any; headers: Headers }> {
  const headers = init.token === undefined ? {} : { authorization: `Bearer ${init.token}` };
  const response = await fetch(`${world.forge.url}/api/v3${path}`, { ...init, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
}

describe("a caller", () => {
  it("with a wrong token is told so, with GitHub's error body", async () => {
    const { status, body } = await call("/user", { token: "nonsense" });
    expect(status).toBe(401);
    expect(body).toEqual({ message: "Bad credentials", documentation_url: expect.stringContaining("https://"), status: "401" });
  });

  it("who is nobody reads what is public and changes nothing", async () => {
    expect((await call("/repos/ann/shop")).status).toBe(200);
    expect((await call("/repos/ann/shop/issues", { method: "POST", body: '{"title":"x"}' })).status).toBe(401);
  });

  it("does not learn that a private repository exists", async () => {
    expect((await call("/repos/ann/secret", { token: "token-wren" })).status).toBe(404);
    expect((await call("/repos/ann/secret", { token: await world.appToken() })).status).toBe(404);
    expect((await call("/repos/ann/secret", { token: "token-ann" })).status).toBe(200);
  });

  it.each([
    ["expired", { iat: 1, exp: 600 }, 401, "'Expiration time' claim ('exp') must be"],
    ["valid for too long", { exp: Math.floor(Date.now() / 1000) + 7200 }, 401, "too far in the future"],
    ["of an unknown App", { iss: "999" }, 404, "Integration not found"],
  ])("with an App token that is %s is refused", async (_, claims, status, message) => {
    const answer = await call("/app", { token: appJwt(world.app.id, world.app.pem, claims) });
    expect([answer.status, answer.body.message]).toEqual([status, expect.stringContaining(message)]);
  });

  it("with an App token signed by another key is refused", async () => {
    const other = await world.admin("apps", { slug: "other", owner: "ann" });
    expect((await call("/app", { token: appJwt(world.app.id, other.pem) })).body.message).toBe("A JSON web token could not be decoded");
  });

  it("that is an App may do what it was granted and no more", async () => {
    const token = await world.appToken();
    const denied = await call("/repos/ann/shop", { method: "DELETE", token });
    expect([denied.status, denied.body.message]).toEqual([403, "Resource not accessible by integration"]);
    const jwt = new Octokit({ auth: appJwt(world.app.id, world.app.pem), baseUrl: `${world.forge.url}/api/v3` });
    const narrow = (
      await jwt.rest.apps.createInstallationAccessToken({
        installation_id: world.installationId,
        repositories: ["shop"],
        permissions: { contents: "read" },
      })
    ).data;
    expect(narrow).toMatchObject({ permissions: { contents: "read", metadata: "read" }, repositories: [{ full_name: "ann/shop" }] });
    expect((await call("/repos/ann/shop/issues", { method: "POST", body: '{"title":"x"}', token: narrow.token })).status).toBe(403);
    expect(
      (
        await call("/app/installations/1/access_tokens", {
          method: "POST",
          body: '{"repositories":["secret"]}',
          token: appJwt(world.app.id, world.app.pem),
        })
      ).status,
    ).toBe(422);
  });

  it("who only reads may comment, but neither label nor push nor merge", async () => {
    const rita = world.as("rita");
    const { number } = (await rita.rest.issues.create({ ...SHOP, title: "A wish" })).data;
    expect((await rita.rest.issues.createComment({ ...SHOP, issue_number: number, body: "hello" })).status).toBe(201);
    await expect(rita.rest.issues.addLabels({ ...SHOP, issue_number: number, labels: ["x"] })).rejects.toMatchObject({ status: 403 });
    await expect(rita.rest.git.createRef({ ...SHOP, ref: "refs/heads/x", sha: "0".repeat(40) })).rejects.toMatchObject({ status: 403 });
    await expect(rita.rest.actions.createWorkflowDispatch({ ...SHOP, workflow_id: "adorable.yml", ref: "main" })).rejects.toMatchObject({
      status: 403,
    });
  });

  it("without the admin token has no administration", async () => {
    const response = await fetch(`${world.forge.url}/_forge/accounts`, {
      method: "POST",
      body: '{"login":"eve"}',
      headers: { authorization: "Bearer guess" },
    });
    expect(response.status).toBe(401);
  });
});

describe("what does not fit", () => {
  it("is refused with the field: an empty title, an over-long comment, a missing field, broken JSON", async () => {
    const wren = world.as("wren");
    const { number } = (await wren.rest.issues.create({ ...SHOP, title: "ok" })).data;
    const tooLong = await call(`/repos/ann/shop/issues/${number}/comments`, {
      method: "POST",
      token: "token-wren",
      body: JSON.stringify({ body: "x".repeat(65_537) }),
    });
    expect(tooLong.status).toBe(422);
    expect(tooLong.body).toMatchObject({
      message: "Validation Failed",
      errors: [{ resource: "IssueComment", field: "body", message: "body is too long (maximum is 65536 characters)" }],
    });
    expect(
      (
        await call(`/repos/ann/shop/issues/${number}/comments`, {
          method: "POST",
          token: "token-wren",
          body: JSON.stringify({ body: "x".repeat(65_536) }),
        })
      ).status,
    ).toBe(201);
    expect((await call("/repos/ann/shop/issues", { method: "POST", token: "token-wren", body: "{}" })).body.message).toContain(
      '"title" wasn\'t supplied',
    );
    expect((await call("/repos/ann/shop/issues", { method: "POST", token: "token-wren", body: "{" })).status).toBe(400);
    expect(
      (await call("/repos/ann/shop/issues", { method: "POST", token: "token-wren", body: '{"title":" "}' })).body.errors,
    ).toMatchObject([{ field: "title", code: "missing_field" }]);
  });

  it("is refused at a dispatch: an unknown file, ref, input or choice, a missing input", async () => {
    const dispatch = (workflow: string, body: unknown) =>
      call(`/repos/ann/shop/actions/workflows/${workflow}/dispatches`, { method: "POST", token: "token-wren", body: JSON.stringify(body) });
    expect((await dispatch("none.yml", { ref: "main" })).status).toBe(404);
    expect((await dispatch("adorable.yml", { ref: "none", inputs: { phase: "work" } })).body.message).toBe("No ref found for: none");
    expect((await dispatch("adorable.yml", { ref: "main" })).body.message).toBe("Required input 'phase' not provided");
    expect((await dispatch("adorable.yml", { ref: "main", inputs: { phase: "x", other: "y" } })).body.message).toBe(
      'Unexpected inputs provided: ["other"]',
    );
    expect((await dispatch("adorable.yml", { ref: "main", inputs: { phase: "x", mode: "odd" } })).status).toBe(422);
    expect((await dispatch("adorable.yml", { ref: "main", inputs: { phase: "none" } })).status).toBe(204);
  });

  it("is refused as a pull request: no such branch, nothing to merge, twice the same", async () => {
    const wren = world.as("wren");
    const { sha } = (await wren.rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object;
    await wren.rest.git.createRef({ ...SHOP, ref: "refs/heads/topic", sha });
    const open = (head: string) =>
      call("/repos/ann/shop/pulls", { method: "POST", token: "token-wren", body: JSON.stringify({ title: "t", head, base: "main" }) });
    expect((await open("nowhere")).body.errors).toMatchObject([{ field: "head", code: "invalid" }]);
    expect((await open("topic")).body.errors).toMatchObject([{ message: "No commits between main and topic" }]);
    await wren.rest.repos.createOrUpdateFileContents({ ...SHOP, path: "t.txt", message: "t", branch: "topic", content: "dA==" });
    expect((await open("topic")).status).toBe(201);
    expect((await open("topic")).body.errors).toMatchObject([{ message: "A pull request already exists for ann:topic." }]);
  });
});

describe("a long listing", () => {
  it("comes in pages that Link leads through", async () => {
    const wren = world.as("wren");
    const { number } = (await wren.rest.issues.create({ ...SHOP, title: "busy" })).data;
    for (let index = 0; index < 5; index += 1) await wren.rest.issues.createComment({ ...SHOP, issue_number: number, body: `c${index}` });
    const { headers, body } = await call(`/repos/ann/shop/issues/${number}/comments?per_page=2&page=2`);
    expect(body.map((item: { body: string }) => item.body)).toEqual(["c2", "c3"]);
    expect(headers.get("link")).toContain('page=3>; rel="next"');
    const all = await wren.paginate(wren.rest.issues.listComments, { ...SHOP, issue_number: number, per_page: 2 });
    expect(all).toHaveLength(5);
  });
});
