/** A control plane without its processes, for tests of single passes: real store, git, databases, runtime and gateway; GitHub only listens. */
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileArtifacts } from "../../src/artifacts/file/file-artifacts.ts";
import { createMirrors, type Mirror } from "../../src/change/mirror.ts";
import type { Platform } from "../../src/change/platform.ts";
import { RELEASE_GATES } from "../../src/change/verification.ts";
import { systemClock } from "../../src/core/clock.ts";
import { newId, type CommitId, type Digest, type ProjectId, type TimelineId, type TreeId } from "../../src/core/ids.ts";
import { endpointName } from "../../src/core/names.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { startStore } from "../../src/database/embedded/store-cluster.ts";
import { withConnection } from "../../src/database/migrations/connection.ts";
import type { Activity, GitHub, Permission, PullRequest, Repository } from "../../src/github/github.ts";
import { gitText } from "../../src/process/git.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import type { RolloutData } from "../../src/release/rollout.ts";
import { createGateway } from "../../src/runtime/gateway/http-gateway.ts";
import { createLocalRuntime } from "../../src/runtime/local/local-runtime.ts";
import { saveChange, updateChange } from "../../src/store/changes.ts";
import { saveArtifact, saveEvidence } from "../../src/store/evidence.ts";
import { findProject, recordResource, saveProject } from "../../src/store/projects.ts";
import { startQueue } from "../../src/store/queue.ts";
import { listRollouts, type RolloutRow } from "../../src/store/releases.ts";
import type { ChangeRow, ProjectRow } from "../../src/store/rows.ts";
import { openStore } from "../../src/store/store.ts";
import { putApp } from "./app-artifacts.ts";
import { openProxiedDatabase } from "./proxied-database.ts";

export const PRODUCTION = { kind: "production" } as const;

const SPEC = JSON.stringify({ version: 1, apps: [{ slug: "blog", name: "Blog", contract: { procedures: [], tables: [] } }] });
const SERVER = `import { createServer } from "node:http";
createServer((request, response) => {
  response.setHeader("content-type", "text/html");
  response.end(request.url === "/health" ? "ok" : "<script></script>");
}).listen(Number(process.env.PORT), process.env.HOST);
`;

/** What is asked of GitHub and said to it. */
export interface Listener {
  permissions: Map<string, Permission>;
  pulls: Map<number, Partial<PullRequest>>;
  /** Of the default branch, the newest first. */
  activity: Activity[];
  /** By pull request. */
  queuedBy: Map<number, string>;
  said: { on: number | string; text: string }[];
  /** Thrown by every call while it is set. */
  failure: Error | undefined;
  /** Thrown by these calls. */
  failures: Map<keyof Repository, Error>;
}

export interface ControlPlane extends AsyncDisposable {
  platform: Platform;
  github: Listener;
  mirror: Mirror;
  /** Of the database engine. */
  databaseDir: string;
  project(): Promise<ProjectRow>;
  /** A commit on top of `main`, which it becomes, or on another branch; null removes a file. Its gates count as green. */
  commit(files: Record<string, string | null>, branch?: string, message?: string): Promise<CommitId>;
  /** A change of which GitHub says that it was merged as this commit. */
  merged(commit: CommitId, number: number, by: string): Promise<ChangeRow>;
  /** GitHub says that somebody moved the default branch to this commit. */
  pushed(commit: CommitId, by: string, kind?: string): void;
  /** Passes until the project has nothing that is due at once. */
  settle(): Promise<void>;
  rollouts(): Promise<RolloutRow<RolloutData>[]>;
  /** As the administrator, in production. */
  sql<Row>(text: string): Promise<Row[]>;
  /** Release 1, with a table `blog.posts` in production. */
  release(): Promise<CommitId>;
}

export async function openControlPlane(): Promise<ControlPlane> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "plane-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o755);
  for (const folder of ["run", "modules", "mirrors"]) await mkdir(join(dir, folder), { mode: 0o755 });
  const cluster = await startStore({ dataDir: join(dir, "store"), runDir: join(dir, "run") });
  stack.defer(() => cluster.close());
  const store = await openStore(cluster.dsn);
  stack.defer(() => store.close());
  // Its schema; nobody works it here.
  const queue = await startQueue(store, { delivery: async () => {}, reconcile: async () => undefined }, () => {});
  await queue.stop();
  const proxied = await openProxiedDatabase();
  stack.use(proxied);
  const artifacts = await createFileArtifacts({ dir: join(dir, "artifacts") });
  const runtime = await createLocalRuntime({ dir: join(dir, "runtime"), artifacts, modules: join(dir, "modules") });
  stack.defer(() => runtime.close());
  const gateway = await createGateway({
    dir: join(dir, "gateway"),
    port: 0,
    domain: "localhost",
    runtime,
    idleMs: 60_000,
    onError: () => {},
    mayFreeze: async () => true,
  });
  stack.defer(() => gateway.close());

  const mirrors = createMirrors(join(dir, "mirrors"));
  const listener: Listener = {
    permissions: new Map(),
    pulls: new Map(),
    activity: [],
    queuedBy: new Map(),
    said: [],
    failure: undefined,
    failures: new Map(),
  };
  const platform: Platform = {
    store,
    database: proxied.database,
    runtime,
    gateway,
    artifacts,
    github: createListener(listener),
    // What would be fetched is committed there.
    mirrors: { open: async (id) => ({ ...(await mirrors.open(id)), fetch: async () => {} }) },
    settings: {
      botName: "adorable",
      publicUrl: "http://127.0.0.1:1",
      appsDomain: `localhost:${gateway.port}`,
      gatewayUrl: `http://127.0.0.1:${gateway.port}`,
      approval: "auto",
      previewData: { default: "empty", projects: {} },
      budget: { steps: 10, minutes: 10, tokens: 1000 },
      holdBudgetMs: 5000,
      allowedBots: [],
      dataDir: dir,
      models: { architect: "blueprint", producer: "blueprint", analyst: "blueprint" },
      oidc: { issuer: "http://127.0.0.1:1", audience: "adorable", workflow: "", allowedWorkflowShas: [] },
    },
    clock: systemClock,
    log: { info: () => {}, error: () => {} },
  };
  const { id } = await saveProject(store, {
    id: newId<ProjectId>("prj"),
    repository_id: 1,
    full_name: "ada/journal",
    clone_url: "http://127.0.0.1:1/ada/journal.git",
    installation_id: 1,
    default_branch: "main",
  });
  const mirror = await platform.mirrors.open(id);
  const endpoint = endpointName(id, PRODUCTION);

  const built = new Map<string, Digest>();
  /** An app whose folder is this tree: another tree, another artifact. */
  const build = async (tree: string): Promise<Digest> => {
    const files = { "package.json": '{"type":"module"}', "src/server/main.ts": SERVER, "tree.txt": tree };
    const digest = built.get(tree) ?? (await putApp(artifacts, files));
    built.set(tree, digest);
    return digest;
  };

  const all = stack.move();
  const plane: ControlPlane = {
    platform,
    github: listener,
    mirror,
    databaseDir: proxied.dataDir,
    async project() {
      return (await findProject(store, id)) as ProjectRow;
    },
    async commit(files, branch = "main", message = "A change") {
      const env = { GIT_INDEX_FILE: join(dir, "index") };
      const git = (args: string[], stdin?: string): Promise<string> =>
        gitText(args, { cwd: mirror.dir, env, ...(stdin === undefined ? {} : { stdin }) });
      const parent = (await mirror.branch(branch)) ?? (await mirror.branch("main"));
      await git(parent === undefined ? ["read-tree", "--empty"] : ["read-tree", parent]);
      for (const [path, text] of Object.entries(files)) {
        if (text === null) {
          await git(["update-index", "--index-info"], `0 ${"0".repeat(40)}\t${path}\n`);
          continue;
        }
        const blob = await git(["hash-object", "-w", "--stdin"], text);
        await git(["update-index", "--add", "--cacheinfo", `100644,${blob},${path}`]);
      }
      const tree = await git(["write-tree"]);
      const author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
      const folders = (await mirror.list(tree, "apps/")).filter(({ path }) => /^apps\/[^/]+$/.test(path));
      for (const { path, object } of folders)
        await saveArtifact(store, id, tree as TreeId, path.slice("apps/".length), await build(object));
      const commit = await git([...author, "commit-tree", tree, "-m", message, ...(parent === undefined ? [] : ["-p", parent])]);
      await git(["update-ref", `refs/heads/${branch}`, commit]);
      for (const gate of [...RELEASE_GATES, "preview" as const]) {
        await saveEvidence(store, id, tree as TreeId, {
          gate,
          conclusion: "success",
          title: "Green",
          summary: "",
          annotations: [],
          files: [],
          durationMs: 1,
        });
      }
      return commit as CommitId;
    },
    async merged(commit, number, by) {
      const change = await saveChange(store, {
        id: newId("chg"),
        project_id: id,
        kind: "pull-request",
        issue_number: null,
        pull_number: number,
        git_branch: `change-${number}`,
      });
      listener.permissions.set(by, listener.permissions.get(by) ?? "write");
      return updateChange(store, change.id, { state: "merged", head_commit: commit, merge_commit: commit, merged_by: by });
    },
    pushed(commit, by, kind = "push") {
      const before = listener.activity[0]?.after ?? "0".repeat(40);
      listener.activity.unshift({ before, after: commit, kind, actor: by, at: new Date().toISOString() });
    },
    async settle() {
      for (let pass = 0; pass < 20; pass += 1) {
        const next = await reconcile(platform, id);
        if (next === undefined || next.afterMs > 4000) return;
      }
      throw new Error("the project does not come to rest");
    },
    rollouts: () => listRollouts(store, id) as Promise<RolloutRow<RolloutData>[]>,
    async sql<Row>(text: string) {
      const { dsn } = await platform.database.credential(endpoint, ADMIN_ROLE);
      return withConnection(dsn, async (client) => (await client.query(text)).rows as Row[]);
    },
    async release() {
      const commit = await plane.commit({ ".adorable/spec.json": SPEC, "apps/blog/a.txt": "1" });
      const change = await plane.merged(commit, 1, "ada");
      const timeline = newId<TimelineId>("tml");
      await platform.database.createTimeline(timeline);
      await recordResource(store, id, "timeline", timeline);
      await updateChange(store, change.id, { timeline });
      await plane.settle();
      await plane.sql("create table blog.posts (id int primary key, title text)");
      return commit;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
  return plane;
}

function createListener(listener: Listener): GitHub {
  const answers: Partial<Repository> = {
    permission: async (login) => listener.permissions.get(login) ?? "none",
    listActivity: async () => listener.activity,
    queuedBy: async (pull) => listener.queuedBy.get(pull),
    pullRequestsOf: async (commit) => [...listener.pulls].filter(([, pull]) => pull.mergeCommit === commit).map(([number]) => number),
    getPullRequest: async (number) => ({ state: "open", isMerged: false, ...listener.pulls.get(number) }) as PullRequest,
    upsertStickyComment: async (on, _marker, text) => (listener.said.push({ on, text }), { id: 1, url: "", outcome: "created" }),
    createComment: async (on, _marker, text) => (listener.said.push({ on, text }), { id: 1, url: "", outcome: "created" }),
    upsertCheckRun: async (run) => (
      listener.said.push({ on: run.headSha, text: `${run.name} ${run.conclusion}: ${run.summary}` }),
      { id: 1, url: "" }
    ),
    // Nobody runs it: tests say what the gates found.
    dispatchWorkflow: async () => ({ runId: undefined }),
    createDeployment: async () => ({ id: 1 }),
    createDeploymentStatus: async () => {},
    createTagAndRelease: async () => ({ url: "" }),
    gitRemote: async () => ({ url: "", authorization: "", username: "x-access-token", token: "" }),
  };
  const calls = Object.entries(answers).map(([name, answer]) => [
    name,
    async (...args: unknown[]) => {
      const failure = listener.failure ?? listener.failures.get(name as keyof Repository);
      if (failure) throw failure;
      return (answer as (...given: unknown[]) => unknown)(...args);
    },
  ]);
  const repository = Object.fromEntries(calls) as Repository;
  return {
    botLogin: async () => "adorable[bot]",
    async forInstallation() {
      if (listener.failure) throw listener.failure;
      return repository;
    },
  } as unknown as GitHub;
}
