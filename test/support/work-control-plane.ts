/** The control plane's side of the runner protocol, as far as work uses it: real HTTP and WebSockets, a real PostgreSQL, real models, a real bare repository for the bundle. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { LanguageModelV4 } from "@ai-sdk/provider";
import pg from "pg";
import { createWebSocketStream, WebSocketServer } from "ws";
import { toAdorableError } from "../../src/core/errors.ts";
import { planHash, type Plan } from "../../src/core/plan.ts";
import {
  databaseRequestSchema,
  migrationsRequestSchema,
  planRequestSchema,
  runEventSchema,
  verifyResultSchema,
  workResultSchema,
  type RunEvent,
  type Session,
  type VerifyResult,
  type WorkResult,
} from "../../src/core/runner-protocol.ts";
import { decodeCall, encodeResult } from "../../src/models/relay/wire.ts";
import { gitText } from "../../src/process/git.ts";
import type { ThrowawayPostgres } from "./throwaway-postgres.ts";

export interface WorkControlPlane {
  url: string;
  token: string;
  events: RunEvent[];
  plans: Plan[];
  modelCalls: { role: string; characters: number }[];
  migrations: { app: string; applied: string[] }[];
  restored: string[];
  /** The OIDC tokens that sessions were asked for with. */
  oidcTokens: string[];
  bundle: Buffer | undefined;
  result: WorkResult | VerifyResult | undefined;
  /** For the runner's own failures, where a test collects them. */
  failures: Error[];
  /** Digest → bytes. */
  files: Map<string, Buffer>;
  /** Verifies the bundle with git against the repository and returns the commit of its git branch. */
  fetchBundle(repositoryDir: string, gitBranch: string): Promise<string>;
  close(): Promise<void>;
}

export interface WorkControlPlaneOptions {
  assignment?: Session["assignment"];
  /** Verification's throwaway databases: per app, what every one holds. */
  forks?: { server: ThrowawayPostgres; migrations: Record<string, string> };
  /** Stops after the plan. */
  planOnly?: boolean;
  /** Instead of the configured model `blueprint`. */
  model?: (role: string) => LanguageModelV4;
  /** Without it migrations are only recorded, and there is no SQL. */
  postgres?: {
    server: ThrowawayPostgres;
    database: string;
    /** Path → SQL of what was applied before, for runs that follow each other. */
    applied?: Map<string, string>;
  };
}

class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function startWorkControlPlane(options: WorkControlPlaneOptions = {}): Promise<WorkControlPlane> {
  const token = "work-session-token";
  const applied = options.postgres?.applied ?? new Map<string, string>();
  let snapshots = 0;
  let forks = 0;
  const state: Omit<WorkControlPlane, "url" | "token" | "fetchBundle" | "close"> = {
    events: [],
    plans: [],
    modelCalls: [],
    migrations: [],
    restored: [],
    oidcTokens: [],
    bundle: undefined,
    result: undefined,
    failures: [],
    files: new Map(),
  };

  const handle = async (method: string, path: string, body: Buffer): Promise<unknown> => {
    const json = (): unknown => JSON.parse(body.toString("utf8"));
    const call = `${method} ${path}`;
    if (state.result !== undefined) throw new Refused(409, "session-ended", "The session has ended.");
    if (call === "POST /events") return void state.events.push(...runEventSchema.array().parse(json()));
    if (call === "POST /plan") {
      const { plan } = planRequestSchema.parse(json());
      state.plans.push(plan);
      return { hash: planHash(plan), proceed: options.planOnly !== true };
    }
    if (path.startsWith("/model/")) {
      const role = path.slice("/model/".length);
      state.modelCalls.push({ role, characters: body.length });
      const model = options.model?.(role) ?? (await import("../../src/models/models.ts")).createModel("blueprint", "producer");
      return encodeResult(await model.doGenerate(decodeCall((json() as { options: unknown }).options)));
    }
    if (call === "POST /migrations") return migrate(json());
    if (call === "POST /snapshots") return { id: `snap_${++snapshots}` };
    if (method === "POST" && /^\/snapshots\/[^/]+\/restore$/.test(path)) {
      state.restored.push(path.split("/")[2] ?? "");
      return { snapshot: `snap_${++snapshots}` };
    }
    if (call === "POST /databases") {
      const { apps, of } = databaseRequestSchema.parse(json());
      if (of === "fork" && options.forks !== undefined) {
        const { server: postgres, migrations } = options.forks;
        const database = `fork_${process.pid}_${Date.now().toString(36)}_${forks++}`;
        await postgres.createDatabase(database, Object.fromEntries(apps.map((slug) => [slug, migrations[slug] ?? ""])));
        return {
          database,
          apps: Object.fromEntries(apps.map((slug) => [slug, { user: `app_${slug.replaceAll("-", "_")}`, password: "secret" }])),
        };
      }
      if (options.postgres === undefined || of !== "timeline") throw new Refused(409, "database-unavailable", "There is no such database.");
      return {
        database: options.postgres.database,
        apps: Object.fromEntries(apps.map((slug) => [slug, { user: `app_${slug.replaceAll("-", "_")}`, password: "secret" }])),
      };
    }
    if (call === "PUT /bundle") return void (state.bundle = body);
    if (call === "PUT /files") {
      const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
      state.files.set(digest, body);
      return { digest };
    }
    if (call === "POST /result") return void (state.result = workResultSchema.or(verifyResultSchema).parse(json()));
    throw new Refused(404, "call-unknown", `There is no call "${call}".`);
  };

  async function migrate(json: unknown): Promise<unknown> {
    const { app, files } = migrationsRequestSchema.parse(json);
    const done: string[] = [];
    for (const { path, sql } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
      if (applied.get(path) === sql) continue;
      if (applied.has(path)) throw new Refused(422, "migration-changed", `"${path}" was applied with another content.`);
      await runMigration(app, sql);
      applied.set(path, sql);
      done.push(path);
    }
    state.migrations.push({ app, applied: done });
    return { snapshot: `snap_${++snapshots}`, applied: done };
  }

  async function runMigration(app: string, sql: string): Promise<void> {
    if (options.postgres === undefined) return;
    const schema = app.replaceAll("-", "_");
    const client = new pg.Client({
      host: options.postgres.server.host,
      port: options.postgres.server.port,
      user: "adorable",
      database: options.postgres.database,
    });
    await client.connect();
    try {
      await client.query(
        `do $$ begin create role "app_${schema}" login; exception when duplicate_object then null; end $$; create schema if not exists "${schema}" authorization "app_${schema}"; alter role "app_${schema}" set search_path = "${schema}"`,
      );
      await client.query(`begin; set local search_path = "${schema}"; set local role "app_${schema}"; ${sql}; commit`);
    } catch (error) {
      throw new Refused(422, "migration-failed", error instanceof Error ? error.message : String(error));
    } finally {
      await client.end();
    }
  }

  const server = createServer((request, response) => {
    const answer = (status: number, body?: unknown): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(body === undefined ? undefined : JSON.stringify(body));
    void (async () => {
      const body = await buffer(request);
      const path = (request.url ?? "").replace(/^\/runner\/v1/, "");
      if (path === "/session" && options.assignment !== undefined) {
        state.oidcTokens.push((JSON.parse(body.toString()) as { oidcToken: string }).oidcToken);
        const session: Session = { token, expiresAt: new Date(Date.now() + 3_600_000).toISOString(), assignment: options.assignment };
        return answer(200, session);
      }
      if (request.headers.authorization !== `Bearer ${token}`)
        return answer(401, { error: { code: "session-invalid", remedy: "bug", message: "No session." } });
      try {
        const result = await handle(request.method ?? "", path, body);
        answer(result === undefined ? 204 : 200, result);
      } catch (error) {
        if (error instanceof Refused) answer(error.status, { error: { code: error.code, remedy: "author", message: error.message } });
        else answer(500, { error: toAdorableError(error).toJSON() });
      }
    })();
  });
  const sockets = new WebSocketServer({
    server,
    path: "/runner/v1/sql",
    verifyClient: ({ req }: { req: { headers: { authorization?: string | undefined } } }) =>
      req.headers.authorization === `Bearer ${token}` && (options.postgres ?? options.forks) !== undefined,
  });
  sockets.on("connection", (webSocket) => {
    const target = options.postgres?.server ?? options.forks?.server;
    if (target === undefined) return webSocket.terminate();
    const stream = createWebSocketStream(webSocket);
    const socket = connect(target.port, target.host);
    for (const end of [stream, socket]) end.on("error", () => (stream.destroy(), socket.destroy()));
    stream.pipe(socket).pipe(stream);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    token,
    async fetchBundle(repositoryDir: string, gitBranch: string) {
      const file = join(repositoryDir, "received.bundle");
      await writeFile(file, state.bundle ?? Buffer.alloc(0));
      await gitText(["bundle", "verify", "--quiet", file], { cwd: repositoryDir });
      await gitText(["fetch", "--quiet", file, `+refs/heads/${gitBranch}:refs/heads/${gitBranch}`], {
        cwd: repositoryDir,
        protocols: ["file"],
      });
      return gitText(["rev-parse", `refs/heads/${gitBranch}`], { cwd: repositoryDir });
    },
    async close() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  });
}
