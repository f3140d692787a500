/** One story on a running platform, with the times that it took. */
import { Buffer } from "node:buffer";
import { endpointName } from "../src/core/names.ts";
import { eventually } from "../src/demo/check.ts";
import { createOperator } from "../src/demo/operator.ts";
import { createPerson } from "../src/demo/people.ts";
import { createReporter } from "../src/demo/reporter.ts";
import { changeOf, failIfFailed, greenChecks, liveRelease, productionOf, type Scene } from "../src/demo/scene.ts";
import { startWriter } from "../src/demo/writer.ts";
import { APP_SLUG, type OneMachine } from "../src/one-machine/one-machine.ts";
import { checkByHand } from "./by-hand.ts";
import { changeFigure, holdFigure, rolloutFigure, type Figure } from "./figures.ts";
import { processorMs } from "./processor.ts";
import { readRecords, type Records, type Rollout } from "./records.ts";

/** Rows that releases and rollbacks carry along. */
const POSTS = 20;
const silent = (): void => {};

export async function tellOnce(
  machine: OneMachine,
  options: { name: string; dir: string; note: (text: string) => void },
): Promise<{ loop: Figure[]; byHand: Figure }> {
  const { name, dir, note } = options;
  const token = await machine.forge.createUser("ada");
  const ada = createPerson(machine.urls.api, "ada", token);
  const operator = createOperator(machine.urls.controlPlane, machine.operatorToken, machine.edge);
  const scene: Scene = { machine, operator, ada, eve: ada, repository: `ada/${name}`, report: createReporter() };
  const { repository } = scene;
  await machine.forge.createRepository(repository, machine.callerFiles);
  await machine.forge.installApp(APP_SLUG, repository);
  const { project } = await eventually("the project is known", () => operator.project(repository));
  const records = (since: number): Promise<Records> => readRecords(machine, project.id, since);
  const loop: Figure[] = [];

  note("comment → a new app");
  const first = await ask(scene, "A blog", "@adorable add a blog app");
  loop.push({
    ...changeFigure("comment → pull request, all green (a new app)", first.askedAt, first.seenAt, await records(first.askedAt)),
    cpuMs: first.cpuMs,
  });
  note("merge → release 1");
  loop.push((await merge(scene, first.pull, 1, "merge → live (the first release)", records)).figure);

  const writer = startWriter(await productionOf(scene));
  try {
    await eventually("posts are written", async () => (writer.acknowledged.length >= POSTS ? true : undefined));
  } finally {
    await writer.stop();
  }
  note("comment → a change with a migration");
  const second = await ask(scene, "Readable addresses", "@adorable add a slug to posts, filled from the title");
  loop.push({
    ...changeFigure("comment → pull request, all green (a change)", second.askedAt, second.seenAt, await records(second.askedAt)),
    cpuMs: second.cpuMs,
  });
  note("the same by hand");
  const endpoint = endpointName(project.id, { kind: "change", number: second.pull });
  const byHand = await checkByHand({
    cloneUrl: `${machine.urls.forge}/${repository}.git`,
    branch: (await ada.pull(repository, second.pull)).head.ref,
    authorization: `Basic ${Buffer.from(`ada:${token}`).toString("base64")}`,
    app: "blog",
    databaseUrl: (await operator.database.credential(endpoint, "app_blog")).dsn,
    browserDir: machine.browserDir,
    dir,
  });
  note("merge → release 2, with clients");
  const busy = startWriter(await productionOf(scene));
  try {
    const release = await merge(scene, second.pull, 2, "merge → live (with a migration)", records);
    loop.push(release.figure, holdFigure("time under hold (release)", release.rollout));
    await eventually("posts are written", async () => (busy.acknowledged.length >= POSTS ? true : undefined));
    note("revert");
    const revert = await ada.revert(repository, second.pull);
    await greenChecks(scene, revert.number, silent);
    await eventually("the impact is counted", async () => (await changeOf(scene, revert.number)).impact ?? undefined);
    await ada.comment(repository, revert.number, "@adorable code+data");
    await eventually("the choice is taken", async () => ((await changeOf(scene, revert.number)).choice === "code+data" ? true : undefined));
    note("merge of the revert, with clients");
    const rollback = await merge(scene, revert.number, 3, "merge of the revert → restored", records);
    loop.push(rollback.figure, holdFigure("time under hold (rollback)", rollback.rollout));
  } finally {
    await busy.stop();
  }
  note("deletion");
  await operator.deleteProject(repository);
  await eventually("the project is gone", async () => ((await operator.project(repository)) === undefined ? true : undefined));
  return { loop, byHand };
}

async function ask(scene: Scene, title: string, words: string): Promise<{ pull: number; askedAt: number; seenAt: number; cpuMs: number }> {
  const { ada, repository, machine } = scene;
  const known = (await ada.pulls(repository)).map((pull) => pull.number);
  const issue = await ada.openIssue(repository, title, "");
  const cpuBefore = await processorMs(machine.processes);
  const askedAt = Date.now();
  await ada.comment(repository, issue.number, words);
  const pull = await eventually(
    "the pull request is open",
    async () => (await failIfFailed(scene, issue.number, silent), (await ada.pulls(repository)).find((one) => !known.includes(one.number))),
    { timeoutMs: 90_000 },
  );
  await greenChecks(scene, pull.number, silent);
  return { pull: pull.number, askedAt, seenAt: Date.now(), cpuMs: (await processorMs(machine.processes)) - cpuBefore };
}

async function merge(
  scene: Scene,
  pull: number,
  release: number,
  name: string,
  records: (since: number) => Promise<Records>,
): Promise<{ figure: Figure; rollout: Rollout }> {
  const cpuBefore = await processorMs(scene.machine.processes);
  const mergedAt = Date.now();
  await scene.ada.merge(scene.repository, pull);
  await liveRelease(scene, release, silent);
  const cpuMs = (await processorMs(scene.machine.processes)) - cpuBefore;
  const found = await records(mergedAt);
  const rollout = found.rollouts.find((one) => one.release === release);
  if (!rollout) throw new Error(`release ${release} has no rollout`);
  return { figure: { ...rolloutFigure(name, mergedAt, found, rollout), cpuMs }, rollout };
}
