/** Labels, assignees, reactions, events and filters of issues, as GitHub documents them. */
import type { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REACTIONS } from "../../src/forge/records.ts";
import { startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;
let app: Octokit;
let wren: Octokit;

beforeAll(async () => {
  world = await startWorld();
  app = await world.asApp();
  wren = world.as("wren");
});
afterAll(() => world.close());

const open = async (title: string, more: object = {}) => (await wren.rest.issues.create({ ...SHOP, title, ...more })).data.number;
/** The actions that the App was told of an issue, in order, once there are `count`. */
async function told(number: number, count: number): Promise<string[]> {
  const actions = () =>
    world.receiver.received
      .filter(({ event, payload }) => event === "issues" && payload.issue.number === number)
      .map((one) => one.payload.action);
  await expect.poll(() => actions().length).toBe(count);
  return actions().sort();
}

describe("a label", () => {
  it("is made, renamed, recoloured and removed from wherever it was, and each is told", async () => {
    await app.rest.issues.createLabel({ ...SHOP, name: "area: shop", color: "FF8800", description: "The shop" });
    await expect(app.rest.issues.createLabel({ ...SHOP, name: "AREA: shop" })).rejects.toMatchObject({
      status: 422,
      response: { data: { errors: [{ resource: "Label", field: "name", code: "already_exists" }] } },
    });
    await expect(app.rest.issues.createLabel({ ...SHOP, name: "x", color: "red" })).rejects.toMatchObject({ status: 422 });
    const number = await open("Labelled", { labels: ["area: shop"] });
    const edited = (await app.rest.issues.updateLabel({ ...SHOP, name: "area: shop", new_name: "shop", color: "00ff00" })).data;
    expect(edited).toMatchObject({ name: "shop", color: "00ff00", description: "The shop" });
    expect((await app.rest.issues.listLabelsOnIssue({ ...SHOP, issue_number: number })).data.map((label) => label.name)).toEqual(["shop"]);
    await app.rest.issues.deleteLabel({ ...SHOP, name: "shop" });
    expect((await app.rest.issues.get({ ...SHOP, issue_number: number })).data.labels).toEqual([]);
    await expect(app.rest.issues.getLabel({ ...SHOP, name: "shop" })).rejects.toMatchObject({ status: 404 });
    await expect
      .poll(() =>
        world.receiver
          .of("label")
          .map((one) => one.action)
          .sort(),
      )
      .toEqual(["created", "deleted", "edited"]);
    expect(world.receiver.of("label", "edited")[0].changes).toEqual({ name: { from: "area: shop" }, color: { from: "ff8800" } });
  });

  it("is put on, replaced and taken off an issue, each change told once", async () => {
    const number = await open("Sorted");
    await app.rest.issues.addLabels({ ...SHOP, issue_number: number, labels: ["a", "b"] });
    await app.rest.issues.addLabels({ ...SHOP, issue_number: number, labels: ["b"] });
    const set = (await app.rest.issues.setLabels({ ...SHOP, issue_number: number, labels: ["b", "c"] })).data;
    expect(set.map((label) => label.name)).toEqual(["b", "c"]);
    await expect(app.rest.issues.removeLabel({ ...SHOP, issue_number: number, name: "a" })).rejects.toMatchObject({
      status: 404,
      response: { data: { message: "Label does not exist" } },
    });
    expect((await app.rest.issues.removeAllLabels({ ...SHOP, issue_number: number })).status).toBe(204);
    expect(await told(number, 7)).toEqual(["labeled", "labeled", "labeled", "opened", "unlabeled", "unlabeled", "unlabeled"]);
    await expect(world.as("rita").rest.issues.addLabels({ ...SHOP, issue_number: number, labels: ["a"] })).rejects.toMatchObject({
      status: 403,
    });
  });
});

describe("an assignee", () => {
  it("is whoever may see the repository, and is told of", async () => {
    const number = await open("Whose", { assignees: ["wren"] });
    const added = (await wren.rest.issues.addAssignees({ ...SHOP, issue_number: number, assignees: ["ann", "nobody"] })).data;
    expect(added.assignees?.map((account) => account.login)).toEqual(["ann", "wren"]);
    const removed = (await wren.rest.issues.removeAssignees({ ...SHOP, issue_number: number, assignees: ["wren"] })).data;
    expect(removed.assignees?.map((account) => account.login)).toEqual(["ann"]);
    await wren.rest.issues.update({ ...SHOP, issue_number: number, assignees: [] });
    expect(await told(number, 5)).toEqual(["assigned", "assigned", "opened", "unassigned", "unassigned"]);
  });
});

describe("a reaction", () => {
  it.each(["issue", "comment"] as const)(
    "of every kind is there once per person, is counted, found by kind and taken back: %s",
    async (kind) => {
      const issue_number = await open(`Loved ${kind}`);
      const comment_id = (await wren.rest.issues.createComment({ ...SHOP, issue_number, body: "Nice" })).data.id;
      const react = (content: (typeof REACTIONS)[number]) =>
        kind === "issue"
          ? app.rest.reactions.createForIssue({ ...SHOP, issue_number, content })
          : app.rest.reactions.createForIssueComment({ ...SHOP, comment_id, content });
      const list = async (content?: "eyes") =>
        kind === "issue"
          ? (await app.rest.reactions.listForIssue({ ...SHOP, issue_number, ...(content && { content }) })).data
          : (await app.rest.reactions.listForIssueComment({ ...SHOP, comment_id, ...(content && { content }) })).data;
      for (const content of REACTIONS) expect((await react(content)).status).toBe(201);
      expect((await react("eyes")).status).toBe(200);
      expect((await list()).map((reaction) => reaction.content)).toEqual([...REACTIONS]);
      const [eyes, ...others] = await list("eyes");
      expect(others).toEqual([]);
      const of =
        kind === "issue" ? await app.rest.issues.get({ ...SHOP, issue_number }) : await app.rest.issues.getComment({ ...SHOP, comment_id });
      expect(of.data.reactions).toMatchObject({ total_count: 8, eyes: 1, "+1": 1 });
      const remove = (client: Octokit, reaction_id: number) =>
        kind === "issue"
          ? client.rest.reactions.deleteForIssue({ ...SHOP, issue_number, reaction_id })
          : client.rest.reactions.deleteForIssueComment({ ...SHOP, comment_id, reaction_id });
      await expect(remove(wren, eyes?.id ?? 0)).rejects.toMatchObject({ status: 404 });
      expect((await remove(app, eyes?.id ?? 0)).status).toBe(204);
      expect(await list("eyes")).toEqual([]);
      await expect(react("admire" as "eyes")).rejects.toMatchObject({ status: 422 });
    },
  );
});

describe("what happened to an issue", () => {
  it("is listed in order, with what was said between", async () => {
    const number = await open("Old name");
    await wren.rest.issues.update({ ...SHOP, issue_number: number, title: "New name" });
    await wren.rest.issues.addLabels({ ...SHOP, issue_number: number, labels: ["a"] });
    await wren.rest.issues.createComment({ ...SHOP, issue_number: number, body: "Done?" });
    await wren.rest.issues.update({ ...SHOP, issue_number: number, state: "closed", state_reason: "not_planned" });
    const events = (await app.rest.issues.listEvents({ ...SHOP, issue_number: number })).data;
    expect(events.map((event) => event.event)).toEqual(["renamed", "labeled", "closed"]);
    expect(events[0]).toMatchObject({ actor: { login: "wren" }, rename: { from: "Old name", to: "New name" } });
    const timeline = (await app.rest.issues.listEventsForTimeline({ ...SHOP, issue_number: number, per_page: 3 })).data;
    expect(timeline).toHaveLength(3);
    const all = await app.paginate(app.rest.issues.listEventsForTimeline, { ...SHOP, issue_number: number, per_page: 3 });
    expect(all.map((event) => event.event).sort()).toEqual(["closed", "commented", "labeled", "renamed"]);
  });
});

describe("a listing of issues", () => {
  it("is filtered by state, labels, assignee, creator and age, and sorted", async () => {
    const numbers = [
      await open("One", { labels: ["list", "red"], assignees: ["wren"] }),
      await open("Two", { labels: ["list"] }),
      await open("Three", { labels: ["list", "red"] }),
    ];
    const [one = 0, two = 0, three = 0] = numbers;
    await wren.rest.issues.update({ ...SHOP, issue_number: two, state: "closed" });
    await wren.rest.issues.createComment({ ...SHOP, issue_number: one, body: "x" });
    const list = async (filter: object) =>
      (await app.rest.issues.listForRepo({ ...SHOP, labels: "list", ...filter })).data.map((issue) => issue.number);
    expect(await list({})).toEqual([three, one]);
    expect(await list({ state: "closed" })).toEqual([two]);
    expect(await list({ state: "all", direction: "asc" })).toEqual([one, two, three]);
    expect(await list({ labels: "list,red", sort: "comments" })).toEqual([one, three]);
    expect(await list({ assignee: "wren" })).toEqual([one]);
    expect(await list({ assignee: "none", state: "all" })).toEqual([three, two]);
    expect(await list({ assignee: "*" })).toEqual([one]);
    expect(await list({ creator: "ann" })).toEqual([]);
    expect(await list({ since: "2999-01-01T00:00:00Z" })).toEqual([]);
  });
});
