/** Sessions of the administrator on a compute, over its private socket. */
import pg from "pg";
import { BACKEND_DATABASE } from "../computes.ts";
import { ADMIN_ROLE } from "../database.ts";

/** A backend costs some megabytes. */
const IDLE_MS = 10_000;

/** Connected; the caller ends it. An error of an idle session surfaces at its next query. */
export async function adminClient(socketDir: string): Promise<pg.Client> {
  const client = new pg.Client({
    host: socketDir,
    port: 5432,
    user: ADMIN_ROLE,
    database: BACKEND_DATABASE,
    application_name: "adorable engine",
  });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** A session that is kept for the next short question, for a connection costs several times what the question does. */
export class AdminSession {
  #socketDir: string;
  #client: Promise<pg.Client> | undefined;
  #asking = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(socketDir: string) {
    this.#socketDir = socketDir;
  }

  /** The first row of one statement that may be sent twice: once more where the session had been ended meanwhile. */
  async ask<R extends pg.QueryResultRow>(statement: string): Promise<R | undefined> {
    clearTimeout(this.#idle);
    this.#asking += 1;
    try {
      const kept = this.#client;
      const client = (this.#client ??= adminClient(this.#socketDir));
      try {
        return (await (await client).query<R>(statement)).rows[0];
      } catch (error) {
        if (this.#client === client) this.#client = undefined;
        void client.then(end, () => undefined);
        if (kept !== client) throw error;
        return (await (await (this.#client ??= adminClient(this.#socketDir))).query<R>(statement)).rows[0];
      }
    } finally {
      this.#asking -= 1;
      if (this.#asking === 0) this.#idle = setTimeout(() => this.close(), IDLE_MS).unref();
    }
  }

  /** Ends the session; the next question opens one again. */
  close(): void {
    clearTimeout(this.#idle);
    const client = this.#client;
    this.#client = undefined;
    void client?.then(end, () => undefined);
  }
}

function end(client: pg.Client): Promise<void> {
  return client.end().catch(() => undefined);
}
