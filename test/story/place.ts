/** A running platform for tests that behave badly: its people, its store, its repositories, and git as a person uses it. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { loadConfig } from "../../src/config.ts";
import { endpointName, hostLabel, type Place as AppPlace } from "../../src/core/names.ts";
import { BACKEND_DATABASE } from "../../src/database/computes.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { withConnection } from "../../src/database/migrations/connection.ts";
import { claim, eventually } from "../../src/demo/check.ts";
import { createOperator, type Operator, type ProjectView } from "../../src/demo/operator.ts";
import { createPerson, type Check, type Comment, type Person } from "../../src/demo/people.ts";
import { APP_SLUG, startOneMachine, type OneMachine } from "../../src/one-machine/one-machine.ts";
import { gitText } from "../../src/process/git.ts";
import { assertForgeIsTrue } from "../support/forge-observer.ts";

export const PRODUCTION = { kind: "production" } as const;
const GATE_COUNT = 7;

export interface Place {
  dir: string;
  machine: OneMachine;
  operator: Operator;
  /** Owns the repositories. */
  ada: Person;
  /** Everything is stopped and started again on the same data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function openPlace(flags: Record<string, unknown> = {}): Promise<Place> {
  const dir = await mkdtemp(join(tmpdir(), "adorable-story-"));
  // As root, databases and apps run as other users, who have to come through.
  await chmod(dir, 0o755);
  const start = async (): Promise<Pick<Place, "machine" | "operator" | "ada">> => {
    const config = loadConfig({ env: {}, directory: dir, flags: { dataDir: join(dir, "data"), logLevel: "info", ...flags } });
    const machine = await startOneMachine({ config });
    const ada = createPerson(machine.urls.api, "ada", await machine.forge.createUser("ada"));
    return { machine, ada, operator: createOperator(machine.urls.controlPlane, machine.operatorToken, machine.edge) };
  };
  const place: Place = {
    dir,
    ...(await start()),
    async restart() {
      await place.machine.stop();
      Object.assign(place, await start());
    },
    async close() {
      await place.machine.stop();
      assertForgeIsTrue(join(place.machine.dataDir, "forge"));
      await rm(dir, { recursive: true, force: true });
    },
  };
  return place;
}

/** A repository with the app installed on it, once the control plane knows it. `files` replace the usual ones of the same path. */
export async function createProject(place: Place, name: string, files: Record<string, string> = {}): Promise<string> {
  const repository = `ada/${name}`;
  await place.machine.forge.createRepository(repository, { ...place.machine.callerFiles, ...files });
  await place.machine.forge.installApp(APP_SLUG, repository);
  await eventually(`${repository} is known`, () => place.operator.project(repository));
  return repository;
}

/** Somebody else, with this permission on the repository. */
export async function person(place: Place, login: string, repository: string, permission: "none" | "read" | "write"): Promise<Person> {
  const token = await place.machine.forge.createUser(login);
  await place.machine.forge.setPermission(repository, login, permission);
  return createPerson(place.machine.urls.api, login, token);
}

export async function project(place: Place, repository: string): Promise<ProjectView> {
  const found = await place.operator.project(repository);
  if (!found) throw new Error(`the control plane does not know ${repository}`);
  return found;
}

/** Rows of the control plane's own store. */
export async function stored<Row>(place: Place, sql: string, values: unknown[] = []): Promise<Row[]> {
  const { runDir } = JSON.parse(await readFile(join(place.machine.dataDir, "owner.json"), "utf8")) as { runDir: string };
  const dsn = `postgres://${ADMIN_ROLE}@/${BACKEND_DATABASE}?host=${encodeURIComponent(join(runDir, "store"))}&port=5432`;
  return withConnection(dsn, async (client) => (await client.query(sql, values)).rows as Row[]);
}

/** What the bot said on an issue or pull request, once one of its comments matches. */
export async function botSays(place: Place, repository: string, item: number, pattern: RegExp, timeoutMs = 60_000): Promise<Comment> {
  let seen = "";
  return eventually(
    `the bot says ${String(pattern)} on #${item}`,
    async () => {
      const comments = (await place.ada.comments(repository, item)).filter((comment) => comment.user.type === "Bot");
      seen = comments.map((comment) => comment.body.slice(0, 400)).join("\n---\n");
      return comments.find((comment) => pattern.test(comment.body));
    },
    { timeoutMs, seen: () => seen },
  );
}

/** Asks in a new issue and waits for the pull request and its gates. */
export async function ask(place: Place, repository: string, words: string): Promise<number> {
  const known = (await place.ada.pulls(repository)).map((pull) => pull.number);
  await place.ada.openIssue(repository, words.replace("@adorable ", ""), words);
  const pull = await eventually(
    `the pull request of "${words}" is open`,
    async () => (await place.ada.pulls(repository)).find((one) => !known.includes(one.number)),
    { timeoutMs: 360_000 },
  );
  const checks = await endedChecks(place, repository, pull.number);
  claim(
    checks.every((check) => check.conclusion === "success"),
    `every gate of #${pull.number} is green`,
    checks.map((check) => `${check.name}: ${check.output.title ?? ""}`),
  );
  return pull.number;
}

/** The gates of a pull request's head, once all have ended. */
export async function endedChecks(place: Place, repository: string, number: number): Promise<Check[]> {
  let seen: Check[] = [];
  return eventually(
    `every gate of #${number} has ended`,
    async () => {
      const { head } = await place.ada.pull(repository, number);
      seen = (await place.ada.checks(repository, head.sha)).filter((check) => check.name.startsWith("adorable/"));
      return seen.length === GATE_COUNT && seen.every((check) => check.status === "completed") ? seen : undefined;
    },
    { timeoutMs: 600_000, seen: () => seen.map((check) => `${check.name} ${check.conclusion ?? check.status}`).join(", ") },
  );
}

/** The state in which the newest rollout ended. */
export async function endedRollout(place: Place, repository: string, commit: string): Promise<ProjectView["rollouts"][number]> {
  let seen = "";
  return eventually(
    `the rollout of ${commit.slice(0, 7)} has ended`,
    async () => {
      const rollout = (await project(place, repository)).rollouts.find((one) => one.git_commit === commit);
      seen = `${rollout?.state ?? "none"} ${JSON.stringify(rollout?.error ?? null)}`;
      return rollout && ["live", "aborted", "refused"].includes(rollout.state) ? rollout : undefined;
    },
    { timeoutMs: 480_000, seen: () => seen },
  );
}

export interface Push {
  /** To branch from. */
  from: string;
  branch: string;
  /** What files become; `null` removes one. */
  change: Record<string, string | null | ((before: string) => string)>;
  /** The branch whose files replace all others before the change, with none of its commits. */
  filesOf?: string;
  /** Default ada. */
  by?: string;
}

/** Commits to a branch as a person does, with git over HTTP; returns the commit. */
export async function push(place: Place, repository: string, { from, branch, change, filesOf, by = "ada" }: Push): Promise<string> {
  const token = await place.machine.forge.createUser(by);
  const work = await mkdtemp(join(place.dir, "clone-"));
  const remote = {
    protocols: ["http"] as const,
    config: {
      "http.extraHeader": `Authorization: Basic ${Buffer.from(`${by}:${token}`).toString("base64")}`,
      "user.name": "Ada",
      "user.email": "ada@example.org",
    },
  };
  try {
    await gitText(["clone", "--quiet", "--branch", from, `${place.machine.urls.forge}/${repository}.git`, work], remote);
    await gitText(["checkout", "--quiet", "-B", branch], { cwd: work });
    if (filesOf !== undefined) await gitText(["read-tree", "-u", "--reset", `origin/${filesOf}`], { cwd: work });
    for (const [path, wanted] of Object.entries(change)) {
      const file = join(work, path);
      if (wanted === null) await rm(file);
      else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, typeof wanted === "string" ? wanted : wanted(await readFile(file, "utf8")));
      }
    }
    await gitText(["add", "--all"], { cwd: work });
    await gitText(["commit", "--quiet", "--message", `Change on ${branch}`], { cwd: work, ...remote });
    await gitText(["push", "--quiet", "origin", branch], { cwd: work, ...remote });
    return await gitText(["rev-parse", "HEAD"], { cwd: work });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export async function openPull(place: Place, repository: string, branch: string): Promise<number> {
  const { number } = await place.ada.call<{ number: number }>("POST", `/repos/${repository}/pulls`, {
    title: `Pull ${branch}`,
    head: branch,
    base: "main",
  });
  return number;
}

export async function addressOf(place: Place, repository: string, app: string, of: AppPlace = PRODUCTION): Promise<string> {
  return `http://${hostLabel(app, (await project(place, repository)).project.id, of)}.localhost:${place.machine.ports.gateway}`;
}

export async function production(place: Place, repository: string): Promise<ReturnType<typeof endpointName>> {
  return endpointName((await project(place, repository)).project.id, PRODUCTION);
}

/** Command lines of processes in which `text` stands: what a platform left behind. */
export async function processesOf(text: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(text)).map((line) => line.replaceAll("\0", " "));
}
