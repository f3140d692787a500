/** Sessions of the administrator on a compute, over its private socket. */
import pg from "pg";
import { BACKEND_DATABASE } from "../computes.ts";
import { ADMIN_ROLE } from "../database.ts";

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

/** Runs `work` with a session that ends with it. */
export async function asAdmin<T>(socketDir: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await adminClient(socketDir);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
