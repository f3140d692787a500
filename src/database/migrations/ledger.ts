/** The ledger of a database: which migrations it has, and which one that no transaction holds together is under way. */
import type pg from "pg";
import { AdorableError } from "../../core/errors.ts";
import type { AppliedMigration, Migration } from "./migrations.ts";

/** A migration outside of a transaction that began and was not recorded yet. */
export interface Begun {
  checksum: string;
  /** The index that it makes; null where it makes none. */
  makes: string | null;
}

/** In the order of ids; nothing where there is no ledger yet. */
export async function readLedger(client: pg.Client): Promise<AppliedMigration[]> {
  const { rows: present } = await client.query<{ there: boolean }>("select to_regclass('adorable.migrations') is not null as there");
  if (present[0]?.there !== true) return [];
  // As JSON: an older ledger has no text.
  const { rows } = await client.query<AppliedMigration>(
    `select app, id, name, checksum, to_jsonb(ledger) ->> 'sql' as sql from adorable.migrations as ledger order by id collate "C", app collate "C"`,
  );
  return rows;
}

/** What this module keeps beside the ledger's rows. Idempotent; called by whoever has the turn. */
export async function prepareLedger(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ there: boolean; ready: boolean }>(
    `select to_regclass('adorable.migrations') is not null as there, to_regclass('adorable.begun_migrations') is not null
       and exists (select from pg_attribute where attrelid = to_regclass('adorable.migrations') and attname = 'sql') as ready`,
  );
  if (rows[0]?.there !== true || rows[0].ready) return;
  await client.query(`
    alter table adorable.migrations add column if not exists sql text;
    create table if not exists adorable.begun_migrations (app text not null, id text not null, checksum text not null, makes text, primary key (app, id));`);
}

export async function recordApplied(client: pg.Client, { app, id, name, checksum, sql }: Migration): Promise<void> {
  await client.query("insert into adorable.migrations (app, id, name, checksum, sql) values ($1, $2, $3, $4, $5)", [
    app,
    id,
    name,
    checksum,
    sql,
  ]);
}

export async function findBegun(client: pg.Client, { app, id }: Migration): Promise<Begun | undefined> {
  const { rows } = await client.query<Begun>("select checksum, makes from adorable.begun_migrations where app = $1 and id = $2", [app, id]);
  return rows[0];
}

export async function saveBegun(client: pg.Client, { app, id, checksum }: Migration, makes: string | null): Promise<void> {
  await client.query("insert into adorable.begun_migrations (app, id, checksum, makes) values ($1, $2, $3, $4)", [
    app,
    id,
    checksum,
    makes,
  ]);
}

export async function forgetBegun(client: pg.Client, { app, id }: Migration): Promise<void> {
  await client.query("delete from adorable.begun_migrations where app = $1 and id = $2", [app, id]);
}

/** Those that the ledger lacks. Throws `migration-changed` (author) where an applied one has another checksum now. */
export function pendingOf(ledger: readonly AppliedMigration[], migrations: readonly Migration[]): Migration[] {
  const applied = new Map(ledger.map((row) => [`${row.app}/${row.id}`, row]));
  return migrations.filter((migration) => {
    const row = applied.get(`${migration.app}/${migration.id}`);
    if (row !== undefined && row.checksum !== migration.checksum) throw changed(migration, row);
    return row === undefined;
  });
}

/** What the ledger has and the tree no longer does: as paths, in the order in which they ran. Their return, unchanged, is already applied. */
export function retiredOf(ledger: readonly AppliedMigration[], migrations: readonly Migration[]): string[] {
  const present = new Set(migrations.map(({ app, id }) => `${app}/${id}`));
  return ledger
    .filter(({ app, id }) => !present.has(`${app}/${id}`))
    .map(({ app, id, name }) => `apps/${app}/db/migrations/${id}_${name}.sql`);
}

function changed(migration: Migration, row: AppliedMigration): AdorableError {
  const line = firstDifference(row.sql ?? undefined, migration.sql);
  const details = { path: migration.path, ...(line === undefined ? {} : { line }) };
  if (row.name !== migration.name) {
    return new AdorableError({
      code: "migration-changed",
      remedy: "author",
      message: `"${migration.path}" has the id of "${row.id}_${row.name}.sql", which was applied before.`,
      hint: "Give it a later time of its own, and put back the other one if it was renamed.",
      details,
    });
  }
  return new AdorableError({
    code: "migration-changed",
    remedy: "author",
    message: `"${migration.path}"${line === undefined ? "" : `, line ${line},`} was changed after it was applied.`,
    hint: "Put it back as it was, and write what is new into a migration of its own.",
    details,
  });
}

function firstDifference(before: string | undefined, now: string): number | undefined {
  if (before === undefined) return undefined;
  const [old, lines] = [before.split("\n"), now.split("\n")];
  return (
    1 + Array.from({ length: Math.max(old.length, lines.length) }, (_, index) => index).findIndex((index) => old[index] !== lines[index])
  );
}
