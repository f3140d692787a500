/** The story in short, told on a platform whose processes may die at any moment: people and the operator wait them out, nobody repeats a wish. */
import { setTimeout as delay } from "node:timers/promises";
import { endpointName } from "../../src/core/names.ts";
import { claim, eventually } from "../../src/demo/check.ts";
import { fetchApp } from "../../src/demo/http.ts";
import { createOperator, type Operator } from "../../src/demo/operator.ts";
import { createPerson, type Person } from "../../src/demo/people.ts";
import { createReporter } from "../../src/demo/reporter.ts";
import {
  changeOf,
  failIfFailed,
  greenChecks,
  liveRelease,
  previewOf,
  production,
  productionOf,
  view,
  type Scene,
} from "../../src/demo/scene.ts";
import { APP_SLUG, type OneMachine } from "../../src/one-machine/one-machine.ts";

/** Not a measure: on a busy machine gates that are judged again, and again, take their time. */
const PATIENCE_MS = 400_000;
const silent = (): void => {};

/** What must be the same however often something died on the way. */
export interface End {
  releases: unknown[];
  ledgerBroken: number | null;
  rollouts: string[];
  titles: string[];
  columns: string[];
  answers: number;
  /** How many of each kind the project has, and whether production is held. */
  resources: Record<string, number>;
  holds: number;
  pulls: string[];
  checks: string[];
  /** What the bot said, without times, ids and figures. */
  comments: string[];
  deployments: string[];
}

/** Tells it from the installation to the rollback; the project is there afterwards. */
export async function tell(machine: OneMachine, repository: string, note: (text: string) => void): Promise<Scene> {
  const scene = await openScene(machine, repository);
  const { ada, operator } = scene;
  note("installation");
  await machine.forge.createRepository(repository, machine.callerFiles);
  await machine.forge.installApp(APP_SLUG, repository);
  await eventually("the project is known", () => operator.project(repository), { timeoutMs: PATIENCE_MS });

  const first = await ask(scene, "A blog", "@adorable add a blog app", note);
  note("release 1");
  await ada.merge(repository, first);
  await liveRelease(scene, 1, silent, PATIENCE_MS);
  for (const n of [1, 2, 3]) await post(scene, `Before ${n}`);

  const second = await ask(scene, "Readable addresses", "@adorable add a slug to posts, filled from the title", note);
  note("release 2");
  await ada.merge(repository, second);
  await liveRelease(scene, 2, silent, PATIENCE_MS);
  for (const n of [1, 2]) await post(scene, `After ${n}`);

  note("revert");
  const { number: revert } = await ada.revert(repository, second);
  await greenChecks(scene, revert, silent, PATIENCE_MS);
  await eventually("the impact is counted", async () => (await changeOf(scene, revert)).impact ?? undefined, { timeoutMs: PATIENCE_MS });
  await ada.comment(repository, revert, "@adorable code+data");
  await eventually("the choice is taken", async () => ((await changeOf(scene, revert)).choice === "code+data" ? true : undefined), {
    timeoutMs: PATIENCE_MS,
  });
  note("rollback");
  await ada.merge(repository, revert);
  await liveRelease(scene, 3, silent, PATIENCE_MS);
  note("rest");
  await atRest(scene);
  return scene;
}

/** Deletes the project and waits until nothing of it is left. */
export async function end({ operator, repository }: Scene): Promise<void> {
  await operator.deleteProject(repository);
  await eventually("the project is gone", async () => ((await operator.project(repository)) === undefined ? true : undefined), {
    timeoutMs: PATIENCE_MS,
  });
}

export async function openScene(machine: OneMachine, repository: string): Promise<Scene> {
  const ada = createPerson(machine.urls.api, "ada", await machine.forge.createUser("ada"));
  const operator = patient(createOperator(machine.urls.controlPlane, machine.operatorToken, machine.edge));
  return { machine, ada, eve: ada, operator, repository, report: createReporter() };
}

/** The control plane is dead at times: whoever asks it meanwhile asks again. */
function patient(operator: Operator): Operator {
  const wait =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      for (const deadline = performance.now() + PATIENCE_MS; ;) {
        try {
          return await call(...args);
        } catch (error) {
          if (!(error instanceof TypeError) || performance.now() > deadline) throw error;
          await delay(100);
        }
      }
    };
  return {
    ...operator,
    project: wait(operator.project),
    deleteProject: wait(operator.deleteProject),
    tombstones: wait(operator.tombstones),
  };
}

/** Asks in an issue of its own, and waits for the pull request, its gates and its preview. */
async function ask(scene: Scene, title: string, words: string, note: (text: string) => void): Promise<number> {
  const { ada, repository } = scene;
  note(words);
  const known = (await ada.pulls(repository)).map((pull) => pull.number);
  const issue = await ada.openIssue(repository, title, "");
  await ada.comment(repository, issue.number, words);
  const pull = await eventually(
    "the pull request is open",
    async () => (await failIfFailed(scene, issue.number, silent), (await ada.pulls(repository)).find((one) => !known.includes(one.number))),
    { timeoutMs: PATIENCE_MS },
  );
  await greenChecks(scene, pull.number, silent, PATIENCE_MS);
  claim((await fetchApp(await previewOf(scene, pull.number))).status === 200, "the preview answers");
  return pull.number;
}

async function post(scene: Scene, title: string): Promise<void> {
  const answer = await fetchApp(`${await productionOf(scene)}/api/trpc/posts.create`, { json: { title, body: "Words." } });
  claim(answer.status === 200, "the post is written", answer);
}

/** The last things that a merge leads to: the previews are gone, the comments are written, no job runs. */
async function atRest(scene: Scene): Promise<void> {
  const { ada, repository } = scene;
  await eventually(
    "the previews are gone",
    async () =>
      (await view(scene)).changes.every((change) => change.state !== "open" && change.preview_environment === null) ? true : undefined,
    { timeoutMs: PATIENCE_MS },
  );
  await eventually(
    "no job runs",
    async () => {
      const runs = await ada.call<{ workflow_runs: { status: string }[] }>("GET", `/repos/${repository}/actions/runs?per_page=100`);
      return runs.workflow_runs.every((run) => run.status === "completed") ? true : undefined;
    },
    { timeoutMs: PATIENCE_MS },
  );
}

export async function observe(scene: Scene): Promise<End> {
  const { ada, operator, repository } = scene;
  const found = await view(scene);
  const endpoint = endpointName(found.project.id, { kind: "production" });
  const resources: Record<string, number> = {};
  // A verification that was repeated has made its pictures twice.
  for (const { kind } of found.resources.filter((one) => one.kind !== "artifact")) resources[kind] = (resources[kind] ?? 0) + 1;
  const pulls = await ada.pulls(repository);
  const items = await ada.call<{ number: number }[]>("GET", `/repos/${repository}/issues?state=all&per_page=100`);
  return {
    releases: found.releases.map(({ number, kind, restores, choice, migrations }) => ({
      number,
      kind,
      restores,
      choice,
      migrations: migrations.map(plain),
    })),
    ledgerBroken: found.ledgerBroken,
    rollouts: found.rollouts.map((rollout) => `${rollout.kind} ${rollout.state}`),
    titles: (await operator.query<{ title: string }>(await production(scene), "select title from blog.posts order by title")).map(
      (row) => row.title,
    ),
    columns: (
      await operator.query<{ column_name: string }>(
        await production(scene),
        "select column_name from information_schema.columns where table_schema = 'blog' and table_name = 'posts' order by 1",
      )
    ).map((row) => row.column_name),
    answers: (await fetchApp(await productionOf(scene))).status,
    resources,
    holds: (await operator.database.holds()).filter((hold) => hold.endpoint === endpoint).length,
    pulls: pulls.map((pull) => `#${pull.number} ${pull.title} ${pull.merged ? "merged" : pull.state}`).sort(),
    checks: (await Promise.all(pulls.map(async (pull) => checksOf(ada, repository, pull.number, pull.head.sha)))).flat().sort(),
    comments: (await Promise.all(items.map(({ number }) => commentsOf(ada, repository, number)))).flat().sort(),
    deployments: await deploymentsOf(ada, repository),
  };
}

async function checksOf(ada: Person, repository: string, number: number, sha: string): Promise<string[]> {
  return (await ada.checks(repository, sha))
    .filter((check) => check.name.startsWith("adorable/"))
    .map((check) => `#${number} ${check.name} ${check.conclusion ?? check.status}`);
}

async function commentsOf(ada: Person, repository: string, number: number): Promise<string[]> {
  return (await ada.comments(repository, number))
    .filter((comment) => comment.user.type === "Bot")
    .map((comment) => `#${number} ${plain(comment.body).split("\n").sort().join("\n")}`);
}

async function deploymentsOf(ada: Person, repository: string): Promise<string[]> {
  const deployments = await ada.call<{ id: number; environment: string; description: string }[]>(
    "GET",
    `/repos/${repository}/deployments?per_page=100`,
  );
  return (
    await Promise.all(
      deployments.map(async ({ id, environment, description }) => {
        const statuses = await ada.call<{ state: string }[]>("GET", `/repos/${repository}/deployments/${id}/statuses?per_page=100`);
        return `${environment}: ${description}, ${statuses.map((status) => status.state).join(" ")}`;
      }),
    )
  ).sort();
}

/**
 * Without what differs from one telling to the next: ids, hashes, positions, addresses, times, figures of time and tokens, and the link to a preview,
 * which may be gone by the time that the comment is written.
 */
function plain(text: string): string {
  return (
    text
      .replaceAll(/https?:\/\/[^\s)>"]+/g, "(address)")
      .replaceAll(/\b[a-z]{3}_[a-z0-9]{8,}\b/g, "(id)")
      .replaceAll(/\b[0-9A-F]+\/[0-9A-F]+\b/g, "(position)")
      .replaceAll(/\b[0-9a-f]{7,64}\b/g, "(hash)")
      .replaceAll(/\d{14}/g, "(time)")
      .replaceAll(/[\d,]+ tokens in, [\d,]+ out/g, "(tokens)")
      .replaceAll(/\d{4}-\d\d-\d\d[T ][\d:.]+Z?( UTC)?/g, "(time)")
      .replaceAll(/\b\d+(\.\d+)?\s?(ms|s|min|h)\b( \d+ s)?/g, "(duration)")
      // Said of what took noticeably long, as it may on a busy machine.
      .replaceAll(/; \S+ not (read or )?written for ≤ \(duration\)/g, "")
      .replaceAll("**that is felt**", "short enough here")
      .replaceAll(" · **Preview:** [Blog](<(address)>)", "")
  );
}
