/** Changes with runs at work on them: the runner API over HTTP with its SQL tunnel, its client, and the tools as a model calls them. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { createRunnerApi } from "../../src/change/runner-api/routes.ts";
import { createSqlTunnel } from "../../src/change/runner-api/sql-tunnel.ts";
import { changeEndpoint, ensureChangeTimeline, type ChangeWithData } from "../../src/change/timeline.ts";
import { newId, type RunId } from "../../src/core/ids.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { withConnection } from "../../src/database/migrations/connection.ts";
import { findChange, saveChange } from "../../src/store/changes.ts";
import type { ChangeRow } from "../../src/store/rows.ts";
import { advanceRun, createRun } from "../../src/store/runs.ts";
import { createRunnerClient, type RunnerClient } from "../../src/verify/runner-client.ts";
import { createProgress } from "../../src/work/progress.ts";
import { createSqlAccess } from "../../src/work/sql-access.ts";
import { createTools } from "../../src/work/tools.ts";
import { openWorkspace } from "../../src/work/workspace.ts";
import type { ControlPlane } from "./control-plane.ts";

export const SPEC = (...slugs: string[]): string =>
  JSON.stringify({ version: 1, apps: slugs.map((slug) => ({ slug, name: slug, contract: { procedures: [], tables: [] } })) });
export const POSTS = "db/migrations/20260101000000_posts.sql";
export const FIRST = {
  ".adorable/spec.json": SPEC("blog"),
  [`apps/blog/${POSTS}`]: "create table posts (id int primary key, title text);",
  "apps/blog/db/seed.sql": "insert into posts values (1, 'seed');",
};

/** A change with its data and a run at work on it. */
export interface Working {
  change: ChangeWithData;
  run: RunId;
  client: RunnerClient;
  /** The model's tool, as the model calls it. */
  call(tool: string, input: unknown): Promise<Record<string, unknown>>;
  now(): Promise<ChangeWithData>;
  titles(): Promise<unknown[]>;
  end(): Promise<void>;
}

export interface RunsAtWork extends AsyncDisposable {
  work(pull?: number | null): Promise<Working>;
  startRun(change: ChangeRow): Promise<{ run: RunId; client: RunnerClient }>;
}

/** The first column of what the administrator is answered in the change's database. */
export async function firstColumn({ platform }: ControlPlane, change: ChangeRow, sql: string): Promise<unknown[]> {
  const { dsn } = await platform.database.credential(changeEndpoint(change.project_id, change), ADMIN_ROLE);
  return withConnection(dsn, async (client) => (await client.query({ text: sql, rowMode: "array" })).rows.map((row: unknown[]) => row[0]));
}

/** `main` gets its first commit: one app with a table and a seed. */
export async function openRuns(plane: ControlPlane): Promise<RunsAtWork> {
  const { platform } = plane;
  const start = await plane.commit(FIRST);
  const tunnel = createSqlTunnel(platform);
  const server = createServer(getRequestListener(new Hono().route("/runner/v1", createRunnerApi(platform)).fetch));
  server.on("upgrade", (request, socket, head) => tunnel.handle(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  let items = 0;

  async function startRun(change: ChangeRow): Promise<{ run: RunId; client: RunnerClient }> {
    const run = newId<RunId>("run");
    const token = `adr_${"x".repeat(20)}${run}`;
    const assignment = { kind: "work", startCommit: start } as never;
    await createRun(platform.store, {
      id: run,
      project_id: change.project_id,
      kind: "work",
      request_id: null,
      change_id: change.id,
      assignment,
    });
    await advanceRun(platform.store, run, "queued", "running", {
      session_digest: createHash("sha256").update(token).digest("hex"),
      session_expires_at: new Date(Date.now() + 600_000),
    });
    return { run, client: createRunnerClient(url, token) };
  }

  return {
    startRun,
    async work(pull = null) {
      items += 1;
      const { id: project } = await plane.project();
      const saved = await saveChange(platform.store, {
        id: newId<string>("chg"),
        project_id: project,
        kind: "generated",
        issue_number: items,
        pull_number: pull,
        git_branch: `issue-${items}`,
      });
      const change = await ensureChangeTimeline(platform, plane.mirror, saved, start);
      const { run, client } = await startRun(change);
      const sql = createSqlAccess(client);
      const workspace = await openWorkspace(join(platform.settings.dataDir, "work", run), ["**"]);
      await workspace.write(POSTS, FIRST[`apps/blog/${POSTS}`] ?? "");
      const tools = createTools({
        app: "blog",
        workspace,
        client,
        sql,
        check: async () => ({ ok: true, faults: [] }),
        progress: createProgress(),
        reporter: { step: () => {}, report: () => {} } as never,
        snapshots: new Set(),
        onClaim: () => {},
        onFatal: () => {},
      });
      return {
        change,
        run,
        client,
        async call(name, input) {
          const execute = tools[name]?.execute as ((input: unknown, options: unknown) => Promise<Record<string, unknown>>) | undefined;
          if (execute === undefined) throw new Error(`There is no tool "${name}".`);
          return execute(input, {});
        },
        now: async () => (await findChange(platform.store, change.id)) as ChangeWithData,
        titles: () => firstColumn(plane, change, "select title from blog.posts order by id"),
        async end() {
          await sql.close();
          await advanceRun(platform.store, run, "running", "done");
        },
      };
    },
    async [Symbol.asyncDispose]() {
      tunnel.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
