import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../support/throwaway-postgres.ts";
import { startWorkControlPlane, type WorkControlPlane } from "../support/work-control-plane.ts";
import { createSqlAccess } from "../../src/work/sql-access.ts";
import { createRunnerClient } from "../../src/verify/runner-client.ts";
import { openSqlTunnel } from "../../src/verify/sql-tunnel.ts";

let server: ThrowawayPostgres;
let plane: WorkControlPlane;

beforeAll(async () => {
  server = await startThrowawayPostgres();
  await server.createDatabase("tunnelled", {
    notes: "create table notes (id int generated always as identity primary key, text text not null)",
  });
  plane = await startWorkControlPlane({ postgres: { server, database: "tunnelled" } });
});

afterAll(async () => {
  await plane.close();
  await server.close();
});

async function query<T extends pg.QueryResultRow>(port: number, sql: string): Promise<T[]> {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "adorable", database: "tunnelled" });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

test("megabytes pass the tunnel unchanged, on several connections at once", async () => {
  const tunnel = await openSqlTunnel(createRunnerClient(plane.url, plane.token).sql, "tunnelled");
  try {
    const sums = await Promise.all(
      [1, 2, 3].map(async (n) => {
        const [row] = await query<{ text: string }>(tunnel.port, `select repeat('${n}', 4000000) as text`);
        return row?.text === String(n).repeat(4_000_000);
      }),
    );
    expect(sums).toEqual([true, true, true]);
  } finally {
    await tunnel.close();
  }
});

test("a refused tunnel says why in PostgreSQL's own words", async () => {
  const tunnel = await openSqlTunnel(createRunnerClient(plane.url, "another token").sql, "tunnelled");
  try {
    await expect(query(tunnel.port, "select 1")).rejects.toMatchObject({
      code: "08006",
      message: expect.stringContaining("401") as string,
    });
  } finally {
    await tunnel.close();
  }
});

test("closing the tunnel ends its connections", async () => {
  const tunnel = await openSqlTunnel(createRunnerClient(plane.url, plane.token).sql, "tunnelled");
  const sleeping = query(tunnel.port, "select pg_sleep(60)");
  sleeping.catch(() => undefined);
  await expect
    .poll(
      async () =>
        (await query<{ n: number }>(server.port, "select count(*)::int as n from pg_stat_activity where query like 'select pg_sleep%'"))[0]
          ?.n,
    )
    .toBe(1);
  await tunnel.close();
  await expect(sleeping).rejects.toThrow();
});

test("the agent's SQL runs as the app's role: its rows, not its definitions, and errors with their SQLSTATE", async () => {
  const sql = createSqlAccess(createRunnerClient(plane.url, plane.token));
  const options = { maxRows: 2, timeoutMs: 10_000 };
  try {
    await sql.run("notes", "insert into notes (text) select 'n' || n from generate_series(1, 5) n", options);
    const { results } = await sql.run("notes", "select text from notes order by id; select current_user::text as role", options);
    expect(results).toEqual([
      { command: "SELECT", rowCount: 5, columns: ["text"], rows: [["n1"], ["n2"]], truncated: true },
      { command: "SELECT", rowCount: 1, columns: ["role"], rows: [["app_notes"]], truncated: false },
    ]);
    await expect(sql.run("notes", "select * from nowhere", options)).rejects.toMatchObject({
      code: "sql-failed",
      remedy: "author",
      message: expect.stringContaining("42P01") as string,
    });
  } finally {
    await sql.close();
  }
});
