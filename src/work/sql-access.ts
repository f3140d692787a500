/** SQL as an app's role on the run's own timeline, through a tunnel that is opened when it is first needed. */
import { AdorableError } from "../core/errors.ts";
import type { DatabaseAnswer } from "../core/runner-protocol.ts";
import { runSql, type SqlOutcome } from "../verify/run-sql.ts";
import type { RunnerClient } from "../verify/runner-client.ts";
import { openSqlTunnel, type SqlTunnel } from "../verify/sql-tunnel.ts";

export interface SqlAccess {
  /** Throws `sql-failed` (author) with the server's message, and what the control plane refuses with. */
  run(app: string, sql: string, options: { maxRows: number; timeoutMs: number }): Promise<SqlOutcome>;
  close(): Promise<void>;
}

interface Door {
  tunnel: SqlTunnel;
  answer: DatabaseAnswer;
}

export function createSqlAccess(client: Pick<RunnerClient, "database" | "sql">): SqlAccess {
  const doors = new Map<string, Promise<Door>>();
  const open = async (app: string): Promise<Door> => {
    const answer = await client.database([app], "timeline");
    return { answer, tunnel: await openSqlTunnel(client.sql, answer.database) };
  };
  return {
    async run(app, sql, options) {
      const door = doors.get(app) ?? open(app);
      doors.set(app, door);
      const { tunnel, answer } = await door.catch((error: unknown) => {
        doors.delete(app);
        throw error;
      });
      const role = answer.apps[app];
      if (role === undefined)
        throw new AdorableError({
          code: "database-role-missing",
          remedy: "bug",
          message: `The control plane gave no role for the app "${app}".`,
        });
      try {
        return await runSql({ host: tunnel.host, port: tunnel.port, database: answer.database, ...role }, sql, options);
      } catch (cause) {
        throw new AdorableError({ code: "sql-failed", remedy: "author", message: describe(cause), cause });
      }
    },
    async close() {
      for (const door of doors.values()) {
        const opened = await door.catch(() => undefined);
        await opened?.tunnel.close();
      }
      doors.clear();
    },
  };
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code, position } = cause as { code?: string; position?: string };
  return `${cause.message}${code === undefined ? "" : ` (${code})`}${position === undefined ? "" : ` at character ${position}`}`;
}
