/** Sessions of the administrator on a compute, over its private socket. */
import pg from "pg";
import { BACKEND_DATABASE } from "../computes.ts";
import { ADMIN_ROLE } from "../database.ts";
import { computeSilent } from "./failures.ts";

/** A backend costs some megabytes. */
const IDLE_MS = 10_000;
/** How long a compute may take to let the administrator in, and to answer a short question. */
const ANSWER_MS = 10_000;

/** Connected; the caller ends it. An error of an idle session surfaces at its next query. `queryMs`: how long each may take; undefined: as long as it takes. */
export async function adminClient(socketDir: string, connectMs = ANSWER_MS, queryMs?: number): Promise<pg.Client> {
  const client = new pg.Client({
    host: socketDir,
    port: 5432,
    user: ADMIN_ROLE,
    database: BACKEND_DATABASE,
    application_name: "adorable engine",
    connectionTimeoutMillis: connectMs,
    ...(queryMs === undefined ? {} : { query_timeout: queryMs }),
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
  #answerMs: number;

  constructor(socketDir: string, answerMs = ANSWER_MS) {
    this.#socketDir = socketDir;
    this.#answerMs = answerMs;
  }

  /**
   * The first row of one statement that may be sent twice: once more where the session had been ended meanwhile.
   * Throws `compute-silent` (wait) where the compute does not answer in time.
   */
  async ask<R extends pg.QueryResultRow>(statement: string): Promise<R | undefined> {
    clearTimeout(this.#idle);
    this.#asking += 1;
    try {
      const kept = this.#client;
      const client = (this.#client ??= this.#connect());
      try {
        return (await (await client).query<R>(statement)).rows[0];
      } catch (error) {
        if (this.#client === client) this.#client = undefined;
        void client.then(end, () => undefined);
        if (kept !== client || isTimeout(error)) throw error;
        return (await (await (this.#client ??= this.#connect())).query<R>(statement)).rows[0];
      }
    } catch (error) {
      throw isTimeout(error) ? computeSilent(this.#socketDir, this.#answerMs, error) : error;
    } finally {
      this.#asking -= 1;
      if (this.#asking === 0) this.#idle = setTimeout(() => this.close(), IDLE_MS).unref();
    }
  }

  #connect(): Promise<pg.Client> {
    return adminClient(this.#socketDir, this.#answerMs, this.#answerMs);
  }

  /** Ends the session; the next question opens one again. */
  close(): void {
    clearTimeout(this.#idle);
    const client = this.#client;
    this.#client = undefined;
    void client?.then(end, () => undefined);
  }
}

/** The driver has no code for them. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && /^(Query read timeout|timeout expired)$/.test(error.message);
}

function end(client: pg.Client): Promise<void> {
  return client.end().catch(() => undefined);
}
