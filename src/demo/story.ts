/** The story from the first comment to the last row deleted. Every claim that it prints was checked; one that does not hold ends it. */
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { endpointName, projectKey } from "../core/names.ts";
import { APP_SLUG, type OneMachine } from "../one-machine/one-machine.ts";
import { claim, eventually } from "./check.ts";
import { fetchApp } from "./http.ts";
import { createOperator } from "./operator.ts";
import { createPerson, type Person, type Pull } from "./people.ts";
import type { Reporter } from "./reporter.ts";
import {
  changeOf,
  checkRows,
  dsnOf,
  failIfFailed,
  greenChecks,
  headChanged,
  liveRelease,
  previewOf,
  production,
  productionOf,
  rolloutOf,
  view,
  type Scene,
} from "./scene.ts";
import { writePostThroughPage } from "./page.ts";
import { startWriter, type Writer } from "./writer.ts";

export async function tellStory(machine: OneMachine, report: Reporter): Promise<void> {
  const operator = createOperator(machine.urls.controlPlane, machine.operatorToken, machine.edge);
  const [ada, eve] = await Promise.all(
    ["ada", "eve"].map(async (login) => createPerson(machine.urls.api, login, await machine.forge.createUser(login))),
  );
  const scene: Scene = { machine, operator, ada: ada as Person, eve: eve as Person, repository: "ada/journal", report };
  let writer: Writer | undefined;
  try {
    await createRepository(scene);
    const issue = await asksForBlog(scene);
    const pull = await opensPullRequest(scene, issue);
    await changesPullRequest(scene, pull.number);
    await releases(scene, pull.number, 1);
    writer = startWriter(await productionOf(scene));
    await writesThroughPage(scene, writer);
    const second = await asksForSlug(scene, writer);
    await releases(scene, second, 2, writer);
    await writesOn(scene, writer);
    await rollsBack(scene, second, writer);
    await writer.stop();
    await deletesProject(scene);
  } finally {
    await writer?.stop();
  }
}

function createRepository(scene: Scene): Promise<void> {
  const { report, machine, eve, operator, repository } = scene;
  return report.step("A repository, with the app installed on it", async () => {
    const made = await machine.forge.createRepository(repository, machine.callerFiles);
    await machine.forge.setPermission(repository, eve.login, "read");
    await machine.forge.installApp(APP_SLUG, repository);
    await eventually("the control plane knows the project", () => operator.project(repository));
    return { detail: made.url, value: undefined };
  });
}

async function asksForBlog(scene: Scene): Promise<number> {
  const { report, ada, eve, repository, machine } = scene;
  return report.step("@adorable add a blog app", async (note) => {
    const issue = await ada.openIssue(repository, "A blog", "Somewhere to write.");
    const refused = await eve.comment(repository, issue.number, "@adorable add a blog app");
    note("a reader asks");
    const refusal = await eventually("the reader is refused", async () =>
      (await ada.comments(repository, issue.number)).find(
        (comment) => comment.user.type === "Bot" && /permission "read"/.test(comment.body),
      ),
    );
    claim(refusal.id !== refused.id, "the refusal is a comment of its own");
    note("a writer asks");
    const asked = await ada.comment(repository, issue.number, "@adorable add a blog app");
    await eventually("the comment is acknowledged", async () =>
      (await ada.reactions(repository, asked.id)).includes("eyes") ? true : undefined,
    );
    await eventually("the sticky comment is there", async () =>
      (await ada.comments(repository, issue.number)).find((comment) => comment.user.type === "Bot" && comment.id !== refusal.id),
    );
    return {
      detail: `${machine.urls.forge}/${repository}/issues/${issue.number}\na reader was refused, a writer was acknowledged`,
      value: issue.number,
    };
  });
}

async function opensPullRequest(scene: Scene, issue: number): Promise<Pull> {
  const { report, ada, repository } = scene;
  const pull = await report.step("The pull request, from a runner's bundle", async (note) => {
    const found = await eventually(
      "the pull request is open",
      async () => (await failIfFailed(scene, issue, note), (await ada.pulls(repository))[0]),
    );
    return { detail: found.html_url, value: found };
  });
  await report.step("Gates on the test merge, and a preview", async (note) => {
    const detail = await greenChecks(scene, pull.number, note);
    const preview = await previewOf(scene, pull.number);
    const page = await fetchApp(preview);
    claim(page.status === 200, "the preview answers", page.status);
    return { detail: `${detail}\n${preview}`, value: undefined };
  });
  return pull;
}

async function changesPullRequest(scene: Scene, number: number): Promise<void> {
  const { report, ada, repository, operator } = scene;
  await report.step("@adorable add a published checkbox to posts", async (note) => {
    const before = await ada.pull(repository, number);
    const timeline = (await changeOf(scene, number)).timeline;
    await ada.comment(repository, number, "@adorable add a published checkbox to posts");
    const after = await eventually(
      "the branch has a new commit",
      async () => (await failIfFailed(scene, number, note), await headChanged(scene, number, before.head.sha)),
    );
    claim(after.head.ref === before.head.ref, "it is the same branch");
    const detail = await greenChecks(scene, number, note);
    claim((await changeOf(scene, number)).timeline === timeline, "it is the same timeline");
    const columns = await operator.query<{ column_name: string }>(
      endpointName((await view(scene)).project.id, { kind: "change", number }),
      "select column_name from information_schema.columns where table_schema = 'blog' and table_name = 'posts'",
    );
    claim(
      columns.some((column) => column.column_name === "published"),
      "the change's data has the new column",
      columns,
    );
    return { detail: `same branch, same data\n${detail}`, value: undefined };
  });
}

async function releases(scene: Scene, pull: number, number: number, writer?: Writer): Promise<void> {
  const { report, ada, repository } = scene;
  await report.step(`Merge: release ${number}`, async (note) => {
    writer?.takeLongestMs();
    await ada.merge(repository, pull);
    const found = await liveRelease(scene, number, note);
    const url = await productionOf(scene);
    const page = await fetchApp(url);
    claim(page.status === 200, "production answers", page.status);
    if (writer) await checkRows(scene, writer);
    const waited = writer
      ? `\nclients waited ${writer.takeLongestMs()} ms at most, ${writer.acknowledged.length} writes acknowledged, none lost`
      : "";
    return {
      detail: `${url}\nledger ${found.hash.slice(0, 12)}, held for ${(await rolloutOf(scene, number)).data.heldMs ?? 0} ms${waited}`,
      value: undefined,
    };
  });
}

async function writesThroughPage(scene: Scene, writer: Writer): Promise<void> {
  await scene.report.step("Posts, through the page and the API", async () => {
    const title = "A first post from the page";
    await writePostThroughPage({ url: await productionOf(scene), title, body: "Typed into the form.", cacheDir: scene.machine.browserDir });
    const rows = await scene.operator.query<{ n: number }>(
      await production(scene),
      `select count(*)::int as n from blog.posts where title = '${title}'`,
    );
    claim(rows[0]?.n === 1, "the post of the page is a row", rows);
    await eventually("twenty posts are written", async () => (writer.acknowledged.length >= 20 ? true : undefined));
    await checkRows(scene, writer);
    return { detail: `one through the page, ${writer.acknowledged.length} through the API so far`, value: undefined };
  });
}

async function asksForSlug(scene: Scene, writer: Writer): Promise<number> {
  const { report, ada, repository } = scene;
  return report.step("@adorable add a slug to posts, filled from the title", async (note) => {
    const issue = await ada.openIssue(repository, "Readable addresses", "");
    await ada.comment(repository, issue.number, "@adorable add a slug to posts, filled from the title");
    const known = (await ada.pulls(repository)).map((pull) => pull.number);
    const pull = await eventually(
      "the pull request is open",
      async () => (await failIfFailed(scene, issue.number, note), (await ada.pulls(repository)).find((one) => !known.includes(one.number))),
    );
    const detail = await greenChecks(scene, pull.number, note);
    await checkRows(scene, writer);
    return {
      detail: `${pull.html_url}\n${detail}\n${writer.acknowledged.length} writes acknowledged meanwhile, each is there once`,
      value: pull.number,
    };
  });
}

async function writesOn(scene: Scene, writer: Writer): Promise<void> {
  await scene.report.step("More posts, with slugs", async () => {
    const before = writer.acknowledged.length;
    await eventually("twenty more posts are written", async () => (writer.acknowledged.length >= before + 20 ? true : undefined));
    const rows = await scene.operator.query<{ all: number; slugs: number }>(
      await production(scene),
      "select count(*)::int as all, count(distinct slug)::int as slugs from blog.posts",
    );
    claim(rows[0] !== undefined && rows[0].all === rows[0].slugs, "every post has a slug of its own", rows);
    await checkRows(scene, writer);
    return {
      detail: `${writer.acknowledged.length} writes acknowledged, each is there once; ${rows[0]?.slugs ?? 0} slugs`,
      value: undefined,
    };
  });
}

async function rollsBack(scene: Scene, pull: number, writer: Writer): Promise<void> {
  const { report, ada, repository, operator, machine } = scene;
  const revert = await report.step("Revert: the impact statement", async (note) => {
    const made = await ada.revert(repository, pull);
    const statement = await eventually("the impact statement is there", async () =>
      (await ada.comments(repository, made.number)).find((comment) => comment.user.type === "Bot" && comment.body.includes("code+data")),
    );
    const impact = (await changeOf(scene, made.number)).impact;
    const posts = impact?.tables.find((table) => table.table === "posts");
    const [past, present] = await Promise.all(
      [impact?.past, impact?.present].map(async (moment) =>
        moment ? (await operator.queryAt<{ n: number }>(moment, "select count(*)::int as n from blog.posts"))[0]?.n : undefined,
      ),
    );
    claim(
      posts !== undefined && past !== undefined && present !== undefined && posts.inserted - posts.deleted === present - past,
      "the statement counts what the data say",
      { posts, past, present },
    );
    claim(statement.body.includes(String(posts?.inserted)), "the count stands in the statement");
    await greenChecks(scene, made.number, note);
    await checkRows(scene, writer);
    await ada.comment(repository, made.number, "@adorable code+data");
    await eventually("the choice is taken", async () => ((await changeOf(scene, made.number)).choice === "code+data" ? true : undefined));
    return {
      detail: `${made.html_url}\n${posts?.inserted ?? 0} posts written since, ${impact?.codeOnlyRefused ?? "code-only is possible"}`,
      value: made,
    };
  });
  await report.step("Merge of the revert: code and data are back", async (note) => {
    const [urlBefore, dsnBefore] = [await productionOf(scene), await dsnOf(scene)];
    await ada.merge(repository, revert.number);
    const row = await liveRelease(scene, 3, note);
    claim(row.kind === "rollback" && row.restores === 1 && row.choice === "code+data", "the ledger has a rollback to release 1", row);
    claim(
      dsnBefore === (await dsnOf(scene)) && urlBefore === (await productionOf(scene)),
      "the connection string and the address are the same",
    );
    const releaseTwo = (await view(scene)).releases.find((one) => one.number === 2);
    const past = releaseTwo?.checkpoint
      ? await operator.queryAt<{ title: string }>(releaseTwo.checkpoint, "select title from blog.posts")
      : [];
    const titles = new Set(
      (await operator.query<{ title: string }>(await production(scene), "select title from blog.posts")).map((one) => one.title),
    );
    const [first, back] = [await rolloutOf(scene, 2), await rolloutOf(scene, 3)];
    const backAt = Date.parse(back.data.heldAt ?? "");
    const before = writer.acknowledged.filter((one) => one.at < Date.parse(first.data.heldAt ?? ""));
    const between = writer.acknowledged.filter(
      (one) => one.sentAt > Date.parse(first.data.heldAt ?? "") + (first.data.heldMs ?? 0) && one.at < backAt,
    );
    claim(
      past.every((one) => titles.has(one.title)),
      "every row of the past is there",
    );
    claim(
      before.every((one) => titles.has(one.title)),
      "every row that was acknowledged before release 2 is there",
    );
    claim(
      between.length > 0 && between.every((one) => !titles.has(one.title)),
      "no row of the time since is there",
      between.filter((one) => titles.has(one.title)),
    );
    const snapshot = new Set(
      (row.checkpoint ? await operator.queryAt<{ title: string }>(row.checkpoint, "select title from blog.posts") : []).map(
        (one) => one.title,
      ),
    );
    claim(
      between.every((one) => snapshot.has(one.title)),
      "every row of the time since is in the snapshot",
    );
    const columns = await operator.query<{ column_name: string }>(
      await production(scene),
      "select column_name from information_schema.columns where table_schema = 'blog' and table_name = 'posts'",
    );
    claim(!columns.some((column) => column.column_name === "slug"), "the schema is the one of the past");
    const count = writer.acknowledged.length;
    await eventually("writing goes on", async () => (writer.acknowledged.length > count + 3 ? true : undefined));
    return {
      detail: `${past.length} rows are back, ${between.length} rows written since are in the snapshot at ${row.checkpoint?.lsn ?? "?"}\nsame address, same connection string; held for ${back.data.heldMs ?? 0} ms; refused writes: ${writer.refused.length}\n${machine.urls.forge}/${repository}/pull/${revert.number}`,
      value: undefined,
    };
  });
}

async function deletesProject(scene: Scene): Promise<void> {
  const { report, operator, repository, machine } = scene;
  await report.step("The project is deleted, whole", async () => {
    const { project, releases: ledger } = await view(scene);
    const key = projectKey(project.id);
    await operator.deleteProject(repository);
    await eventually("the project is gone", async () => ((await operator.project(repository)) === undefined ? true : undefined));
    const tombstone = (await operator.tombstones()).find((one) => one.project_id === project.id);
    claim(tombstone?.last_hash === ledger.at(-1)?.hash, "the tombstone has the ledger's last hash", tombstone);
    const left = {
      endpoints: (await operator.database.listEndpoints()).filter((one) => one.name.includes(key)).length,
      timelines: (await operator.database.listTimelines()).length,
      environments: (await operator.runtime.list()).length,
      routes: (await operator.gateway.listRoutes()).length,
    };
    claim(
      Object.values(left).every((count) => count === 0),
      "nothing of it is left",
      left,
    );
    const exported = JSON.parse(await readFile(join(machine.dataDir, "control/exports", `${project.id}.ledger.json`), "utf8")) as {
      releases: unknown[];
    };
    claim(exported.releases.length === ledger.length, "the ledger was exported");
    const mirrorGone = await access(join(machine.dataDir, "control/mirrors", `${project.id}.git`)).then(
      () => false,
      () => true,
    );
    claim(mirrorGone, "its files are gone");
    return {
      detail: `0 endpoints, 0 timelines, 0 processes, 0 routes; a tombstone with ${tombstone?.last_hash?.slice(0, 12) ?? ""}; ${exported.releases.length} ledger rows exported`,
      value: undefined,
    };
  });
}
