/** What surrounds a repository's files: who works in it, where it is deployed, its releases, archives, and branches that come and go. */
import type { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;
let app: Octokit;
let ann: Octokit;

beforeAll(async () => {
  world = await startWorld();
  app = await world.asApp();
  ann = world.as("ann");
  await world.admin("accounts", { login: "zoe", token: "token-zoe" });
});
afterAll(() => world.close());

describe("collaborators", () => {
  it("are added, changed and removed by an admin, and each is told", async () => {
    const username = "zoe";
    await expect(world.as("wren").rest.repos.addCollaborator({ ...SHOP, username })).rejects.toMatchObject({ status: 403 });
    await expect(ann.rest.repos.addCollaborator({ ...SHOP, username: "nobody" })).rejects.toMatchObject({ status: 404 });
    await ann.rest.repos.addCollaborator({ ...SHOP, username, permission: "pull" });
    await ann.rest.repos.addCollaborator({ ...SHOP, username, permission: "maintain" });
    expect((await app.rest.repos.getCollaboratorPermissionLevel({ ...SHOP, username })).data).toMatchObject({
      permission: "write",
      role_name: "maintain",
    });
    const listed = async (filter: object) => (await app.rest.repos.listCollaborators({ ...SHOP, ...filter })).data.map((one) => one.login);
    expect(await listed({})).toEqual(["ann", "wren", "rita", "zoe"]);
    expect(await listed({ permission: "push" })).toEqual(["ann", "wren", "zoe"]);
    expect((await app.rest.repos.checkCollaborator({ ...SHOP, username })).status).toBe(204);
    await ann.rest.repos.removeCollaborator({ ...SHOP, username });
    await expect(app.rest.repos.checkCollaborator({ ...SHOP, username })).rejects.toMatchObject({ status: 404 });
    await expect(world.as("rita").rest.repos.listCollaborators(SHOP)).rejects.toMatchObject({ status: 403 });
    await expect
      .poll(() =>
        world.receiver
          .of("member")
          .map((one) => one.action)
          .sort(),
      )
      .toEqual(["added", "edited", "removed"]);
  });
});

describe("environments", () => {
  it("are whatever was deployed to", async () => {
    for (const environment of ["production", "preview/pr-1", "production"])
      await app.rest.repos.createDeployment({ ...SHOP, ref: "main", environment, required_contexts: [] });
    const { total_count: total, environments = [] } = (await app.rest.repos.getAllEnvironments(SHOP)).data;
    expect([total, environments.map((one) => one.name)]).toEqual([2, ["production", "preview/pr-1"]]);
    const one = (await app.rest.repos.getEnvironment({ ...SHOP, environment_name: "preview/pr-1" })).data;
    expect(one.name).toBe("preview/pr-1");
    await expect(app.rest.repos.getEnvironment({ ...SHOP, environment_name: "none" })).rejects.toMatchObject({ status: 404 });
  });
});

describe("releases", () => {
  it("are drafted without a tag, published with one, edited and deleted, and each is told", async () => {
    const draft = (await app.rest.repos.createRelease({ ...SHOP, tag_name: "v1", draft: true, name: "One" })).data;
    expect([draft.draft, draft.published_at]).toEqual([true, null]);
    await expect(app.rest.git.getRef({ ...SHOP, ref: "tags/v1" })).rejects.toMatchObject({ status: 404 });
    await expect(app.rest.repos.getReleaseByTag({ ...SHOP, tag: "v1" })).rejects.toMatchObject({ status: 404 });
    await app.rest.repos.updateRelease({ ...SHOP, release_id: draft.id, draft: false });
    await app.rest.repos.updateRelease({ ...SHOP, release_id: draft.id, name: "First" });
    expect((await app.rest.repos.getLatestRelease(SHOP)).data).toMatchObject({ tag_name: "v1", name: "First" });
    await app.rest.repos.createRelease({ ...SHOP, tag_name: "v2-beta", prerelease: true });
    expect((await app.rest.repos.getLatestRelease(SHOP)).data.tag_name).toBe("v1");
    await app.rest.repos.deleteRelease({ ...SHOP, release_id: draft.id });
    await expect(app.rest.repos.getRelease({ ...SHOP, release_id: draft.id })).rejects.toMatchObject({ status: 404 });
    const actions = () =>
      world.receiver
        .of("release")
        .filter((one) => one.release.tag_name === "v1")
        .map((one) => one.action)
        .sort();
    await expect.poll(actions).toEqual(["created", "deleted", "edited", "published", "released"]);
    expect(world.receiver.of("release", "edited")[0].changes).toEqual({ name: { from: "One" } });
  });
});

describe("branches and tags", () => {
  it("that come and go are told by themselves", async () => {
    const { sha } = (await app.rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object;
    await app.rest.git.createRef({ ...SHOP, ref: "refs/heads/here/now", sha });
    await app.rest.git.deleteRef({ ...SHOP, ref: "heads/here/now" });
    const of = (event: string) => world.receiver.of(event).filter((one) => one.ref === "here/now");
    await expect.poll(() => [of("create").length, of("delete").length]).toEqual([1, 1]);
    expect(of("create")[0]).toMatchObject({ ref_type: "branch", master_branch: "main", pusher_type: "user" });
  });

  it("are had as an archive, by a link that carries its own permission for a minute", async () => {
    const files = (await app.rest.repos.downloadTarballArchive({ ...SHOP, ref: "main" })).data as ArrayBuffer;
    expect([...new Uint8Array(files).slice(0, 2)]).toEqual([0x1f, 0x8b]);
    const link = await fetch(`${world.forge.url}/api/v3/repos/ann/shop/zipball/main`, { redirect: "manual" });
    const location = link.headers.get("location") ?? "";
    expect([link.status, (await fetch(location)).status]).toEqual([302, 200]);
    expect((await fetch(location.replace(/signature=.{4}/, "signature=0000"))).status).toBe(403);
    expect((await fetch(location.replace(/expires=\d/, "expires=9"))).status).toBe(403);
  });

  it("have commits whose statuses are told with the branches that they stand on", async () => {
    const { sha } = (await app.rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object;
    await app.rest.repos.createCommitStatus({ ...SHOP, sha, state: "pending", context: "ci", target_url: "http://ci.localhost/1" });
    await expect.poll(() => world.receiver.of("status").length).toBe(1);
    expect(world.receiver.of("status")[0]).toMatchObject({
      sha,
      state: "pending",
      context: "ci",
      name: "ann/shop",
      branches: [{ name: "main" }],
    });
  });
});
