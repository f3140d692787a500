/** What a migration does to others while it runs: which tables it keeps from them, for how long, and how many rows it writes. */
import type pg from "pg";
import { nested, relationName } from "./lint/rule.ts";
import type { Node, Statement } from "./statements.ts";

export interface TableLock {
  /** One that was there before: `schema.table`. */
  table: string;
  /** `AccessExclusiveLock` keeps others from reading and writing, a weaker one from writing. */
  mode: string;
  /** From the start of the statement that took it to the commit: at most so long. */
  heldMs: number;
}

export interface Observed {
  locks: TableLock[];
  /** Rows inserted, updated and deleted, those that cascades and triggers reached too. */
  rows: number;
  /** Tables of which every row was written anew. */
  rewritten: string[];
}

export const NOTHING_SEEN: Observed = { locks: [], rows: 0, rewritten: [] };

interface Observer {
  afterStatement(startedAt: number): Promise<void>;
  /** Still inside the transaction; what it returns is called once it is committed. */
  beforeCommit(statements: readonly Statement[]): Promise<() => Observed>;
}

/** In ascending strength; weaker ones stop nobody. */
const BLOCKING = ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"];

interface Table {
  oid: number;
  name: string;
  file: number;
}

/** Watches the transaction that has just begun on `client`. All that it asks is the state of this one session. */
export async function createObserver(client: pg.Client, schema: string): Promise<Observer> {
  const tables = new Map((await tablesOf(client, schema)).map((table) => [table.oid, table]));
  /** When a lock was taken, by table and mode; the earliest moment that is possible. */
  const taken = new Map<string, { table: string; mode: string; since: number }>();
  return {
    async afterStatement(startedAt) {
      const { rows } = await client.query<{ relation: number; mode: string }>(
        "select relation, mode from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and granted and relation is not null",
      );
      for (const { relation, mode } of rows) {
        const table = tables.get(relation)?.name;
        const key = `${relation} ${mode}`;
        if (table !== undefined && BLOCKING.includes(mode) && !taken.has(key)) taken.set(key, { table, mode, since: startedAt });
      }
    },
    async beforeCommit(statements) {
      const { rows: written } = await client.query<{ rows: string }>(
        `select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::text as rows from pg_catalog.pg_stat_xact_all_tables where schemaname = $1`,
        [schema],
      );
      const emptied = new Set(statements.flatMap((statement) => truncatedBy(statement)).map((name) => qualified(name, schema)));
      const rewritten = (await tablesOf(client, schema))
        .filter(({ oid, name, file }) => tables.has(oid) && tables.get(oid)?.file !== file && !emptied.has(name))
        .map(({ name }) => name);
      return () => {
        const now = performance.now();
        const locks = [...taken.values()].map(({ table, mode, since }) => ({ table, mode, heldMs: now - since }));
        return { locks: withoutWeaker(locks), rows: Number(written[0]?.rows ?? 0), rewritten };
      };
    },
  };
}

/** A weaker lock says nothing beside a stronger one that was held for as long. */
function withoutWeaker(locks: readonly TableLock[]): TableLock[] {
  const strength = ({ mode }: TableLock): number => BLOCKING.indexOf(mode);
  return locks
    .filter((lock) => !locks.some((other) => other.table === lock.table && strength(other) > strength(lock) && other.heldMs >= lock.heldMs))
    .toSorted((a, b) => (a.table < b.table ? -1 : a.table > b.table ? 1 : strength(b) - strength(a)));
}

async function tablesOf(client: pg.Client, schema: string): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `select c.oid, n.nspname || '.' || c.relname as name, c.relfilenode as file
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind in ('r', 'p', 'm') order by 2`,
    [schema],
  );
  return rows;
}

function truncatedBy(statement: Statement): string[] {
  return nested(statement, ["TruncateStmt"]).flatMap(({ node }) =>
    ((node["relations"] ?? []) as { RangeVar?: Node }[]).map(({ RangeVar }) => relationName(RangeVar)),
  );
}

function qualified(name: string, schema: string): string {
  return name.includes(".") ? name : `${schema}.${name}`;
}
