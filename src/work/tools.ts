/** The producer's tools: files of one app, its migrations, its SQL, the quick gates. No shell, nothing outside the task's app. */
import { tool, type Tool } from "ai";
import { join } from "node:path";
import { z } from "zod";
import { AdorableError, toAdorableError } from "../core/errors.ts";
import type { RunnerClient } from "../verify/runner-client.ts";
import { shorten, type Progress } from "./progress.ts";
import type { Reporter } from "./reporter.ts";
import type { SqlAccess } from "./sql-access.ts";
import type { Workspace } from "./workspace.ts";

export interface CheckOutcome {
  ok: boolean;
  /** One line per fault, with file and line. */
  faults: string[];
}

/** How a model ends a task. */
export type Claim = { kind: "done"; summary: string } | { kind: "answer"; answer: string };

export interface ToolContext {
  app: string;
  workspace: Workspace;
  client: Pick<RunnerClient, "migrations" | "snapshot" | "restore">;
  sql: SqlAccess;
  /** Runs the quick gates on the app. */
  check(): Promise<CheckOutcome>;
  progress: Progress;
  reporter: Reporter;
  /** Snapshots of this run, in which `restore_data` may choose. */
  snapshots: Set<string>;
  onClaim(claim: Claim): void;
  /** Called for a failure that no tool call can mend; it ends the run. */
  onFatal(error: AdorableError): void;
}

export const EDIT_TOOLS: ReadonlySet<string> = new Set(["write_file", "delete_file", "apply_migrations", "done", "answer"]);

const MIGRATION = /^db\/migrations\/\d{14}_[a-z0-9_]+\.sql$/;
const MAX_READ_CHARACTERS = 100_000;
const MAX_SQL_ROWS = 50;
const MAX_SQL_CHARACTERS = 8000;
const SQL_TIMEOUT_MS = 30_000;

const pathSchema = z.string().min(1).describe("Relative to the app's folder.");

export function createTools(context: ToolContext): Record<string, Tool> {
  const { workspace, progress, reporter, client, app } = context;
  return {
    list_files: tool({
      description: "Lists the app's files with size in bytes and SHA-256.",
      inputSchema: z.object({}),
      execute: guarded(context, "list_files", async () => ({ files: await workspace.list() })),
    }),
    read_file: tool({
      description: "Reads one file as text.",
      inputSchema: z.object({ path: pathSchema }),
      execute: guarded(context, "read_file", async ({ path }: { path: string }) => {
        const content = await workspace.read(path);
        return { content: content.slice(0, MAX_READ_CHARACTERS), truncated: content.length > MAX_READ_CHARACTERS };
      }),
    }),
    write_file: tool({
      description: "Creates or replaces one file with the whole of its content.",
      inputSchema: z.object({ path: pathSchema, content: z.string() }),
      execute: guarded(context, "write_file", async ({ path, content }: { path: string; content: string }) => {
        const { changed } = await workspace.write(path, content);
        if (changed) progress.wrote(path);
        return { path, changed };
      }),
    }),
    delete_file: tool({
      description: "Deletes one file.",
      inputSchema: z.object({ path: pathSchema }),
      execute: guarded(context, "delete_file", async ({ path }: { path: string }) => {
        await workspace.remove(path);
        progress.deleted(path);
        return { path };
      }),
    }),
    apply_migrations: tool({
      description:
        "Applies the app's pending migrations (db/migrations/YYYYMMDDHHMMSS_name.sql) to this run's database. A snapshot is taken first. `findings` says what of them loses data or keeps others waiting, and the safe form.",
      inputSchema: z.object({}),
      execute: guarded(context, "apply_migrations", async () => {
        const files = await readMigrations(workspace, app);
        const noteSnapshot = (snapshot: string): void => {
          context.snapshots.add(snapshot);
          progress.tookSnapshot(snapshot, "before migrations");
        };
        const answer = await client.migrations(app, files).catch((thrown: unknown) => {
          // Those before the one that failed stay applied, and can be undone too.
          const snapshot = AdorableError.isInstance(thrown) ? thrown.details["snapshot"] : undefined;
          if (typeof snapshot === "string") noteSnapshot(snapshot);
          throw thrown;
        });
        noteSnapshot(answer.snapshot);
        progress.migrated(answer.applied);
        return answer;
      }),
    }),
    snapshot_data: tool({
      description: "Remembers the state of this run's database, so that restore_data can return to it.",
      inputSchema: z.object({ note: z.string().min(1).max(200) }),
      execute: guarded(context, "snapshot_data", async ({ note }: { note: string }) => {
        const { id } = await client.snapshot(note);
        context.snapshots.add(id);
        progress.tookSnapshot(id, note);
        return { id };
      }),
    }),
    restore_data: tool({
      description:
        "Returns this run's database to a snapshot that this run took: migrations and rows since then are undone, files stay. A snapshot is taken first, so that it can be undone too.",
      inputSchema: z.object({ id: z.string() }),
      execute: guarded(context, "restore_data", async ({ id }: { id: string }) => {
        if (!context.snapshots.has(id))
          throw new AdorableError({
            code: "snapshot-unknown",
            remedy: "author",
            message: `"${id}" is not a snapshot of this run.`,
            hint: `Choose one of: ${[...context.snapshots].join(", ") || "none yet"}. Going back further is a person's decision, who asks for the rollback of a release.`,
          });
        const { snapshot } = await client.restore(id);
        context.snapshots.add(snapshot);
        // Of the data before, with what was applied there.
        progress.tookSnapshot(snapshot, `before restoring ${id}`);
        progress.restored(id);
        return { restored: id, before: snapshot };
      }),
    }),
    run_sql: tool({
      description:
        "Runs SQL as the app's own role on this run's database: it reads and writes rows of the app's schema and defines nothing.",
      inputSchema: z.object({ sql: z.string().min(1).max(20_000) }),
      execute: guarded(context, "run_sql", async ({ sql }: { sql: string }) => {
        try {
          const outcome = await context.sql.run(app, sql, { maxRows: MAX_SQL_ROWS, timeoutMs: SQL_TIMEOUT_MS });
          progress.ranSql(sql, outcome.results.map((result) => `${result.command} ${result.rowCount ?? 0}`).join(", "));
          return shorten(JSON.stringify(outcome), MAX_SQL_CHARACTERS);
        } catch (error) {
          progress.ranSql(sql, error instanceof Error ? error.message : String(error));
          throw error;
        }
      }),
    }),
    check: tool({
      description: "Runs the compiler and the module gate on the app.",
      inputSchema: z.object({}),
      execute: guarded(context, "check", async () => {
        const outcome = await context.check();
        progress.checked(outcome);
        return outcome;
      }),
    }),
    done: tool({
      description: "Claims that the task is done. The gates decide. The summary is for the pull request: what changed and how to use it.",
      inputSchema: z.object({ summary: z.string().min(1).max(4000) }),
      execute: guarded(context, "done", async ({ summary }: { summary: string }) => {
        context.onClaim({ kind: "done", summary });
        return "The gates run now.";
      }),
    }),
    answer: tool({
      description:
        "Ends the task with an answer in words and no change, when there is nothing to change or it cannot be done. Refused once files were changed.",
      inputSchema: z.object({ answer: z.string().min(1).max(10_000) }),
      execute: guarded(context, "answer", async ({ answer }: { answer: string }) => {
        if (progress.hasEdits())
          throw new AdorableError({
            code: "answer-after-edits",
            remedy: "author",
            message: "Files were changed already.",
            hint: "Undo the changes or finish with done.",
          });
        context.onClaim({ kind: "answer", answer });
        return "The answer is given.";
      }),
    }),
  };

  async function readMigrations(files: Workspace, slug: string): Promise<{ path: string; sql: string }[]> {
    const paths = (await files.list())
      .map((file) => file.path)
      .filter((path) => path.startsWith("db/migrations/") && path.endsWith(".sql"));
    const misnamed = paths.find((path) => !MIGRATION.test(path));
    if (misnamed !== undefined) {
      throw new AdorableError({
        code: "migration-misnamed",
        remedy: "author",
        message: `"${misnamed}" is not the name of a migration.`,
        hint: "Call it db/migrations/YYYYMMDDHHMMSS_name.sql.",
      });
    }
    return Promise.all(paths.map(async (path) => ({ path: join("apps", slug, path), sql: await files.read(path) })));
  }

  /** Reports the call; what the author of the call can mend goes back as its result, anything else ends the run. */
  function guarded<Input, Output>(
    guardContext: ToolContext,
    name: string,
    execute: (input: Input) => Promise<Output>,
  ): (input: Input) => Promise<Output> {
    return async (input) => {
      reporter.step(name, noteOf(input));
      try {
        return await execute(input);
      } catch (thrown) {
        const error = toAdorableError(thrown);
        if (error.remedy !== "author") guardContext.onFatal(error);
        throw new Error(`${error.code}: ${error.message}${error.hint === undefined ? "" : ` ${error.hint}`}`, { cause: thrown });
      }
    };
  }
}

function noteOf(input: unknown): string {
  if (typeof input !== "object" || input === null) return "";
  const { path, sql, note, id } = input as Record<string, unknown>;
  const first = [path, sql, note, id].find((value) => typeof value === "string");
  return first ?? "";
}
