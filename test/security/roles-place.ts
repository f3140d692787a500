/** Two apps of a project and another project, on a real engine behind the real proxy, for whoever tries to break out of a role. */
import { existsSync } from "node:fs";
import type { Client } from "pg";
import { newId, type EndpointName, type TimelineId } from "../../src/core/ids.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { applyMigrations, parseMigrations, type Migration } from "../../src/database/migrations/migrations.ts";
import { ensureRoles } from "../../src/database/migrations/roles.ts";
import { openProxiedDatabase, type ProxiedDatabase } from "../support/proxied-database.ts";
import { ATTEMPTS, proof, WORLD } from "./role-attempts.ts";

/** For `expect.poll`: as patient as a busy machine needs. */
export const SOON = { timeout: 20_000, interval: 10 };

export interface RolesPlace {
  proxied: ProxiedDatabase;
  /** The project with the apps blog and shop, and another one with apps of the same names. */
  here: EndpointName;
  elsewhere: EndpointName;
  timelineOf(endpoint: EndpointName): TimelineId;
  dsnOf(endpoint: EndpointName, role: string): Promise<string>;
  /** One statement as the administrator, here. */
  administrate(sql: string): Promise<Record<string, unknown>[]>;
  /** The SQLSTATE that the statement ends with, as that role, here. */
  codeOf(role: string, sql: string): Promise<string>;
  /** All that a role could have changed or taken. */
  world(): Promise<unknown>;
  /** Makes each attempt over one session: what it ends with, and whether the world is another one after it. */
  attempts(role: string): Promise<unknown[]>;
  /** An endpoint upon a copy of what is elsewhere. */
  fork(): Promise<EndpointName>;
  close(): Promise<void>;
}

/** What `attempts` must return. */
export const REFUSED = ATTEMPTS.map(([what, , code]) => ({ what, code, changed: false }));

export function migration(app: string, id: string, sql: string): Migration[] {
  return parseMigrations([{ app, path: `apps/${app}/db/migrations/${id}_step.sql`, sql }]);
}

export async function openRolesPlace(): Promise<RolesPlace> {
  const proxied = await openProxiedDatabase();
  const { database } = proxied;
  const [here, elsewhere] = [newId<EndpointName>("proj"), newId<EndpointName>("proj")];
  const timelines = new Map<EndpointName, TimelineId>();
  const dsnOf = async (endpoint: EndpointName, role: string): Promise<string> => (await database.credential(endpoint, role)).dsn;
  for (const endpoint of [here, elsewhere]) {
    const timeline = newId<TimelineId>("tml");
    timelines.set(endpoint, timeline);
    await database.createTimeline(timeline);
    await database.endpoint(endpoint, timeline, 1);
    const dsn = await dsnOf(endpoint, ADMIN_ROLE);
    for (const slug of ["blog", "shop"]) await ensureRoles(dsn, { slug });
    const posts = "create table post (id int primary key, title text); insert into post values (1, 'first')";
    const items = "create table item (id int primary key, secret text); insert into item values (1, 'geheim')";
    await applyMigrations(dsn, [...migration("blog", "20260101000000", posts), ...migration("shop", "20260101000000", items)]);
  }
  const administrator: Client = await proxied.connect(here, ADMIN_ROLE);
  const administrate = async (sql: string): Promise<Record<string, unknown>[]> =>
    (await administrator.query<Record<string, unknown>>(sql)).rows;
  await administrate("select lo_from_bytea(424242, 'geheim')");
  const world = async (): Promise<unknown> => ({ rows: await administrate(WORLD), leftBehind: existsSync(proof) });
  return {
    proxied,
    here,
    elsewhere,
    timelineOf: (endpoint) => timelines.get(endpoint) as TimelineId,
    dsnOf,
    administrate,
    world,
    async codeOf(role, sql) {
      const client = await proxied.connect(here, role);
      try {
        await client.query(sql);
        return "done";
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      } finally {
        await client.end();
      }
    },
    async attempts(role) {
      const client = await proxied.connect(here, role);
      await client.query("set search_path = blog");
      const before = JSON.stringify(await world());
      const results: unknown[] = [];
      for (const [what, sql] of ATTEMPTS) {
        const code = await client.query(sql).then(
          () => "done",
          (error: { code?: string }) => error.code,
        );
        await client.query("rollback");
        results.push({ what, code, changed: JSON.stringify(await world()) !== before });
      }
      await client.end();
      return results;
    },
    async fork() {
      const [endpoint, timeline, from] = [newId<EndpointName>("proj"), newId<TimelineId>("tml"), timelines.get(elsewhere) as TimelineId];
      await database.branch(timeline, { timeline: from, lsn: await database.head(from) });
      await database.endpoint(endpoint, timeline, 1);
      return endpoint;
    },
    async close() {
      await proxied[Symbol.asyncDispose]();
    },
  };
}
