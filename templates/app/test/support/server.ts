/** The app as it is served, against the database of DATABASE_URL, without a port of its own. */
import { createTRPCClient, httpLink } from "@trpc/client";
import { sql } from "kysely";
import { createApp } from "../../src/server/app.ts";
import { readConfig } from "../../src/server/config.ts";
import { openDatabase } from "../../src/server/database.ts";
import type { AppRouter } from "../../src/server/router.ts";

export function openTestApp() {
  const db = openDatabase(readConfig(process.env, []).databaseUrl);
  const app = createApp({ db });
  const answers = new Set<Promise<Response>>();
  const send: typeof fetch = (input, init) => {
    const answer = Promise.resolve(app.request(input instanceof Request ? input : String(input), init));
    answers.add(answer);
    return answer.finally(() => answers.delete(answer));
  };
  const api = createTRPCClient<AppRouter>({
    links: [httpLink({ url: "http://app.test/api/trpc", fetch: (input, init) => send(input as URL, init as RequestInit) })],
  });
  const kept: { table: string; id: number }[] = [];
  /** Has the row removed by `clear`. */
  const keep = <T extends { id: number }>(table: string, row: T): T => {
    kept.push({ table, id: row.id });
    return row;
  };
  /** Removes what was kept, the newest first: it may refer to what is older. */
  const clear = async () => {
    for (const { table, id } of kept.splice(0).reverse()) await sql`delete from ${sql.table(table)} where id = ${id}`.execute(db);
  };
  const close = async () => {
    // A page that is gone may still be waiting for an answer.
    await Promise.allSettled(answers);
    await db.destroy();
  };
  return { db, app, api, send, keep, clear, close };
}

export type TestServer = ReturnType<typeof openTestApp>;

/** A word that no other row contains. */
export function uniqueWord(): string {
  return `z${crypto.randomUUID().replaceAll("-", "").slice(0, 14)}`;
}

/** A number that no other row is likely to have. */
export function uniqueNumber(): number {
  return 1_000_000 + Math.floor(Math.random() * 1_000_000_000);
}

/** A moment in the past that no other row is likely to have. */
export function uniqueMoment(): Date {
  return new Date(Math.floor(Math.random() * 1_500_000_000) * 1000);
}
