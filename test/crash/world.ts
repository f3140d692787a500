/** A platform that can be put back to a moment: its data directory is copied while it is stopped, and copied back before each kill. */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "../../src/config.ts";
import { claim, eventually } from "../../src/demo/check.ts";
import { fetchApp } from "../../src/demo/http.ts";
import { createOperator, type Operator, type ProjectView } from "../../src/demo/operator.ts";
import { createPerson, type Person } from "../../src/demo/people.ts";
import { endpointName, hostLabel } from "../../src/core/names.ts";
import { run } from "../../src/process/run.ts";
import { APP_SLUG, startOneMachine, type OneMachine } from "../../src/one-machine/one-machine.ts";
import { assertForgeIsTrue } from "../support/forge-observer.ts";

const REPOSITORY = "ada/journal";
const PRODUCTION = { kind: "production" } as const;
/** Caches that a platform makes anew or finds again: not part of a moment. */
const KEPT = new Set(["modules", "browser", "action", "platform", "compiled", "logs"]);

export interface Session {
  machine: OneMachine;
  operator: Operator;
  ada: Person;
}

/** What must be the same however often it was killed on the way. */
export interface End {
  releases: { number: number; kind: string; restores: number | null; choice: string | null; migrations: string[] }[];
  ledgerBroken: number | null;
  titles: string[];
  columns: string[];
  rollouts: string[];
  answers: number;
  /** Of production and of whatever else is known. */
  environments: number;
  holds: number;
  /** Known to the store and not there, or there and not known. */
  leaks: string[];
}

export class World {
  readonly dir: string;
  readonly #data: string;
  constructor(dir: string) {
    this.dir = dir;
    this.#data = join(dir, "data");
  }

  async open(crash?: { killAt?: number; trace: string }): Promise<Session> {
    const config = loadConfig({ env: {}, directory: this.dir, flags: { dataDir: this.#data, logLevel: "info" } });
    const machine = await startOneMachine({
      config,
      ...(crash ? { serverScript: "test/crash/crash-server.ts", serverEnv: { ADORABLE_CRASH: JSON.stringify(crash) } } : {}),
    });
    const stop = async (): Promise<void> => {
      await machine.stop();
      assertForgeIsTrue(join(this.#data, "forge"));
    };
    const ada = createPerson(machine.urls.api, "ada", await machine.forge.createUser("ada"));
    return { machine: { ...machine, stop }, ada, operator: createOperator(machine.urls.controlPlane, machine.operatorToken, machine.edge) };
  }

  async save(name: string): Promise<void> {
    await this.#copy(this.#data, join(this.dir, name));
  }

  async restore(name: string): Promise<void> {
    await this.#copy(join(this.dir, name), this.#data);
  }

  async #copy(from: string, to: string): Promise<void> {
    await mkdir(to, { recursive: true, mode: 0o755 });
    for (const entry of await readdir(to)) if (!KEPT.has(entry)) await rm(join(to, entry), { recursive: true, force: true });
    const entries = (await readdir(from)).filter((entry) => !KEPT.has(entry)).map((entry) => join(from, entry));
    // With owners and hard links, which Node's own copy loses.
    const copied = await run("cp", ["-a", "--", ...entries, to], { timeoutMs: 480_000 });
    claim(copied.exitCode === 0, "the moment is copied", copied.stderr.toString());
  }

  async trace(path: string): Promise<string[]> {
    return (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  }
}

/** From nothing to the moment before the merge of the second change, with rows written by release 1. */
export async function prepareRelease({ machine, ada, operator }: Session): Promise<number> {
  await machine.forge.createRepository(REPOSITORY, machine.callerFiles);
  await machine.forge.installApp(APP_SLUG, REPOSITORY);
  await eventually("the project is known", () => operator.project(REPOSITORY));
  const first = await ask({ machine, ada, operator }, "A blog", "@adorable add a blog app");
  await ada.merge(REPOSITORY, first);
  await live({ machine, ada, operator }, 1);
  for (const n of [1, 2, 3]) await post({ machine, ada, operator }, `Before ${n}`);
  return ask({ machine, ada, operator }, "Readable addresses", "@adorable add a slug to posts, filled from the title");
}

/** From release 2 to the moment before the merge of its revert, with the choice made. */
export async function prepareRollback(session: Session, second: number): Promise<number> {
  const { ada, operator } = session;
  for (const n of [1, 2]) await post(session, `After ${n}`);
  const revert = await ada.revert(REPOSITORY, second);
  await green(session, revert.number);
  await eventually(
    "the impact is counted",
    async () => (await project(operator)).changes.find((one) => one.pull_number === revert.number)?.impact ?? undefined,
  );
  await ada.comment(REPOSITORY, revert.number, "@adorable code+data");
  await eventually("the choice is taken", async () =>
    (await project(operator)).changes.find((one) => one.pull_number === revert.number)?.choice === "code+data" ? true : undefined,
  );
  return revert.number;
}

export async function merge(session: Session, number: number): Promise<void> {
  await session.ada.merge(REPOSITORY, number);
}

export async function live(session: Session, release: number): Promise<void> {
  let seen = "";
  await eventually(
    `release ${release} is live`,
    async () => {
      const rollout = (await project(session.operator)).rollouts.at(-1);
      seen = `${rollout?.state ?? "none"} ${JSON.stringify(rollout?.error ?? null)}`;
      claim(!["aborted", "refused"].includes(rollout?.state ?? ""), "the rollout does not fail", rollout?.error);
      return rollout?.state === "live" && rollout.data.release === release ? true : undefined;
    },
    { timeoutMs: 360_000, seen: () => seen },
  );
}

/** Once the merged change's preview is gone too: that is the last thing that a merge leads to. */
export async function settled({ operator }: Session): Promise<void> {
  await eventually("the previews of merged changes are gone", async () =>
    (await project(operator)).changes.every((change) => change.state === "open" || change.preview_environment === null) ? true : undefined,
  );
}

export async function observe({ operator, machine }: Session): Promise<End> {
  const found = await project(operator);
  const endpoint = endpointName(found.project.id, PRODUCTION);
  const answer = await fetchApp(`http://${hostLabel("blog", found.project.id, PRODUCTION)}.localhost:${machine.ports.gateway}`);
  const known = (kind: string): Set<string> => new Set(found.resources.filter((one) => one.kind === kind).map((one) => one.id));
  const there: Record<string, string[]> = {
    timeline: (await operator.database.listTimelines()).map((one) => one.id),
    endpoint: (await operator.database.listEndpoints()).map((one) => one.name),
    environment: (await operator.runtime.list()).map((one) => one.id),
    routes: (await operator.gateway.listRoutes()).map((one) => one.place),
  };
  const leaks = Object.entries(there).flatMap(([kind, ids]) => [
    ...ids.filter((id) => !known(kind).has(id)).map((id) => `unknown ${kind} ${id}`),
    ...[...known(kind)].filter((id) => !ids.includes(id)).map((id) => `missing ${kind} ${id}`),
  ]);
  return {
    releases: found.releases.map(({ number, kind, restores, choice, migrations }) => ({ number, kind, restores, choice, migrations })),
    ledgerBroken: found.ledgerBroken,
    titles: (await operator.query<{ title: string }>(endpoint, "select title from blog.posts order by title")).map((row) => row.title),
    columns: (
      await operator.query<{ column_name: string }>(
        endpoint,
        "select column_name from information_schema.columns where table_schema = 'blog' and table_name = 'posts' order by 1",
      )
    ).map((row) => row.column_name),
    rollouts: found.rollouts.map((rollout) => `${rollout.kind} ${rollout.state}`),
    answers: answer.status,
    environments: there["environment"]?.length ?? 0,
    holds: (await operator.database.holds()).length,
    leaks,
  };
}

async function ask(session: Session, title: string, words: string): Promise<number> {
  const { ada } = session;
  const known = (await ada.pulls(REPOSITORY)).map((pull) => pull.number);
  await ada.openIssue(REPOSITORY, title, words);
  const pull = await eventually(
    `the pull request of "${words}" is open`,
    async () => (await ada.pulls(REPOSITORY)).find((one) => !known.includes(one.number)),
    { timeoutMs: 360_000 },
  );
  await green(session, pull.number);
  return pull.number;
}

async function green({ ada }: Session, number: number): Promise<void> {
  let seen = "";
  await eventually(
    `every gate of #${number} is green`,
    async () => {
      const checks = (await ada.checks(REPOSITORY, (await ada.pull(REPOSITORY, number)).head.sha)).filter((check) =>
        check.name.startsWith("adorable/"),
      );
      seen = checks.map((check) => `${check.name} ${check.conclusion ?? check.status}`).join(", ");
      return checks.length === 7 && checks.every((check) => check.conclusion === "success") ? true : undefined;
    },
    { timeoutMs: 480_000, seen: () => seen },
  );
}

async function post({ operator, machine }: Session, title: string): Promise<void> {
  const { project: row } = await project(operator);
  const answer = await fetchApp(
    `http://${hostLabel("blog", row.id, PRODUCTION)}.localhost:${machine.ports.gateway}/api/trpc/posts.create`,
    { json: { title, body: "Words." } },
  );
  claim(answer.status === 200, "the post is written", answer);
}

async function project(operator: Operator): Promise<ProjectView> {
  const found = await operator.project(REPOSITORY);
  if (!found) throw new Error("the project is unknown");
  return found;
}
