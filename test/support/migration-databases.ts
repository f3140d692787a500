/** Databases with the schemas and roles of apps, for tests of migrations: one server for a test file. */
import pg from "pg";
import { parseMigrations, type Migration } from "../../src/database/migrations/migrations.ts";
import { ensureRoles } from "../../src/database/migrations/roles.ts";
import { startThrowawayPostgres } from "./throwaway-postgres.ts";

export interface MigrationDatabases {
  /** A database of its own that is ready for these apps; its DSN as the administrator. */
  fresh(...apps: string[]): Promise<string>;
  close(): Promise<void>;
}

export async function openMigrationDatabases(): Promise<MigrationDatabases> {
  const server = await startThrowawayPostgres();
  let count = 0;
  return {
    async fresh(...apps) {
      count += 1;
      const name = `db_${count}`;
      await server.createDatabase(name, {});
      const dsn = `postgres://adorable@${server.host}:${server.port}/${name}`;
      for (const slug of apps) await ensureRoles(dsn, { slug });
      return dsn;
    },
    close: () => server.close(),
  };
}

export async function query<T extends pg.QueryResultRow>(dsn: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

export function file(app: string, id: string, sql: string, name = "step"): { app: string; path: string; sql: string } {
  return { app, path: `apps/${app}/db/migrations/${id}_${name}.sql`, sql };
}

/** One migration for each text, in that order. */
export function migrations(app: string, ...sql: string[]): Migration[] {
  return parseMigrations(sql.map((text, index) => file(app, `202601010000${String(index).padStart(2, "0")}`, text)));
}
