/** What an operator can have proven and look at: releases, ledgers and past data, through the command line, against a control plane without its processes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { getRequestListener } from "@hono/node-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Evidence } from "../../src/core/evidence.ts";
import { newId, type CommitId, type TimelineId, type TreeId } from "../../src/core/ids.ts";
import { withConnection } from "../../src/database/migrations/connection.ts";
import { proveLedger } from "../../src/one-machine/prove.ts";
import { createOperatorApi } from "../../src/operator-api.ts";
import { run } from "../../src/process/run.ts";
import { openLook } from "../../src/release/look.ts";
import { parseMoment } from "../../src/release/moments.ts";
import { verifyRelease, type ReleaseVerification } from "../../src/release/verify-release.ts";
import { listEvidence, saveEvidence } from "../../src/store/evidence.ts";
import { updateChange } from "../../src/store/changes.ts";
import { listResources, recordResource } from "../../src/store/projects.ts";
import { listReleases } from "../../src/store/releases.ts";
import { openControlPlane, type ControlPlane } from "../support/control-plane.ts";

const CLI = join(import.meta.dirname, "../../src/cli.ts");
const TOKEN = "t".repeat(40);
const SPEC = JSON.stringify({ version: 1, apps: [{ slug: "blog", name: "Blog", contract: { procedures: [], tables: [] } }] });
const MIGRATIONS = "apps/blog/db/migrations";

let plane: ControlPlane;
let server: Server;
let data: string;

beforeAll(async () => {
  plane = await openControlPlane();
  server = createServer();
  const api = getRequestListener(createOperatorApi(plane.platform, TOKEN).fetch);
  server.on("request", (request, response) => {
    request.url = request.url?.replace("/operator/v1", "") ?? "";
    void api(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  data = join(plane.platform.settings.dataDir, "operator");
  await mkdir(data);
  const ports = { forge: 1, controlPlane: (server.address() as AddressInfo).port, gateway: 2, postgres: 3 };
  await writeFile(join(data, "memory.json"), JSON.stringify({ ports, webhookSecret: TOKEN, operatorToken: TOKEN, forgeAdminToken: TOKEN }));

  await release(1, {
    ".adorable/spec.json": SPEC,
    [`${MIGRATIONS}/20260101000000_posts.sql`]: "create table blog.posts (id int primary key, title text);",
  });
  await plane.sql("insert into blog.posts values (1, 'first')");
  await release(2, { [`${MIGRATIONS}/20260102000000_slug.sql`]: "alter table blog.posts add column slug text;" });
  await plane.sql("insert into blog.posts values (2, 'second', 'second')");
});
afterAll(async () => {
  server?.close();
  await plane?.[Symbol.asyncDispose]();
});

async function release(number: number, files: Record<string, string>): Promise<CommitId> {
  const commit = await plane.commit(files);
  const change = await plane.merged(commit, number, "ada");
  const timeline = newId<TimelineId>("tml");
  await plane.platform.database.createTimeline(timeline);
  await recordResource(plane.platform.store, change.project_id, "timeline", timeline);
  await updateChange(plane.platform.store, change.id, { timeline });
  await plane.settle();
  return commit;
}

async function adorable(args: string[], env: Record<string, string> = {}): Promise<{ exitCode: number | null; out: string; said: string }> {
  const ended = await run(process.execPath, [CLI, ...args, "--data", data], {
    cwd: data,
    env: { NO_COLOR: "1", ...env },
    timeoutMs: 240_000,
  });
  return { exitCode: ended.exitCode, out: ended.stdout.toString(), said: ended.stderr.toString() };
}

/** Forks that looks and proofs made and that are still there. */
async function forks(): Promise<string[]> {
  const { id } = await plane.project();
  const known = (await listResources(plane.platform.store, id)).map((one) => one.id);
  const there = (await plane.platform.database.listTimelines()).map((one) => one.id as string);
  return [...known, ...there].filter((one) => /^(fork|tmp)_(look|prove)/.test(one));
}

/** Changes what nobody can change but the store's own administrator. */
async function tamper(column: string, value: unknown): Promise<void> {
  const { store } = plane.platform;
  await store.rows("alter table releases disable trigger releases_append_only");
  await store.rows(`update releases set ${column} = $1 where number = 2`, [
    typeof value === "object" && value ? JSON.stringify(value) : value,
  ]);
  await store.rows("alter table releases enable trigger releases_append_only");
}

const failed = (proof: ReleaseVerification): string[] => proof.checks.filter((check) => !check.ok).map((check) => check.name);

describe("adorable release verify", () => {
  const prove = async (number: number): Promise<ReleaseVerification> => verifyRelease(plane.platform, await plane.project(), number);

  test("derives anew whatever the ledger claims of a release, and leaves nothing behind", async () => {
    const { exitCode, out } = await adorable(["release", "verify", "2"]);
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: expect.stringContaining("Everything is as the ledger claims.") });
    for (const claim of ["chain", "tree", "plan", "artifacts", "evidence", "schema, derived", "schema, as it stood"])
      expect(out).toContain(claim);
    expect(failed(await prove(1))).toEqual([]);
    expect(await forks()).toEqual([]);
  });

  const zeros = "0".repeat(40);
  test.each([
    [{ tree: zeros, artifacts: { blog: `sha256:${zeros}` } }, ["chain", "tree", "artifacts"]],
    [
      { plan_hash: "000000000000", evidence: { types: `sha256:${zeros}` }, schema_hash: zeros },
      ["chain", "plan", "evidence", "schema, derived", "schema, as it stood"],
    ],
  ])("names what differs, and nothing else, where somebody changed %j in a row", async (changes, names) => {
    const genuine = (await listReleases(plane.platform.store, (await plane.project()).id))[1] as unknown as Record<string, unknown>;
    for (const [column, value] of Object.entries(changes)) await tamper(column, value);
    const proof = await prove(2);
    for (const column of Object.keys(changes)) await tamper(column, genuine[column]);
    expect(failed(proof)).toEqual(names);
    for (const check of proof.checks.filter(({ name, ok }) => !ok && name !== "chain")) expect(check.detail).toMatch(/0{12}/);
  });

  test("finds an artifact whose bytes changed on the disk, and a schema that somebody changed by hand", async () => {
    const row = (await listReleases(plane.platform.store, (await plane.project()).id))[1];
    const hex = row?.artifacts["blog"]?.slice("sha256:".length) ?? "";
    const file = join(plane.platform.settings.dataDir, "artifacts", hex.slice(0, 2), hex);
    const bytes = await readFile(file);
    await writeFile(file, Buffer.concat([bytes, Buffer.from("x")]));
    await plane.sql("alter table blog.posts add column sneaked int");
    const { exitCode, out } = await adorable(["release", "verify", "2", "--json"]);
    await writeFile(file, bytes);
    await plane.sql("alter table blog.posts drop column sneaked");
    expect(exitCode).toBe(3);
    expect(failed(JSON.parse(out) as ReleaseVerification)).toEqual(["artifacts", "schema, as it stood"]);
    expect(failed(await prove(2))).toEqual([]);
  });

  test("goes by the evidence of its day, whatever a later run finds of the same tree", async () => {
    const { id } = await plane.project();
    const { store } = plane.platform;
    const tree = (await listReleases(store, id))[1]?.tree as TreeId;
    const [evidence] = await listEvidence(store, id, tree);
    await saveEvidence(store, id, tree, { ...(evidence as Evidence), title: "Another run" });
    expect(failed(await prove(2))).toEqual([]);
  });

  test("says which releases there are where it is asked for another", async () => {
    await expect(prove(9)).rejects.toMatchObject({ code: "release-unknown", hint: "Name one from 1 to 2." });
    expect(await adorable(["release", "verify", "two"])).toMatchObject({ exitCode: 2, said: expect.stringContaining('"two"') });
  });
});

describe("adorable ledger verify", () => {
  test("computes every chain anew, of the platform and of an export alone", async () => {
    expect(await adorable(["ledger", "verify"])).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining("2 releases, every hash follows"),
    });
    const releases = await listReleases(plane.platform.store, (await plane.project()).id);
    const file = join(data, "export.json");
    await writeFile(file, JSON.stringify({ project: { id: "prj", repository: "ada/journal" }, releases }));
    const offline = (head?: string): Promise<number> => proveLedger({ env: {}, directory: data }, { json: false, file, head });
    expect(await offline()).toBe(0);
    expect(await offline(releases[1]?.hash)).toBe(0);
    expect(await offline("f".repeat(64))).toBe(3);
    const changed = releases.map((row) => ({ ...row, approver: "eve" }));
    await writeFile(file, JSON.stringify({ project: { repository: "ada/journal" }, releases: changed }));
    const { exitCode, out } = await adorable(["ledger", "verify", "--file", file]);
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: expect.stringMatching(/release 1: .*release 2: /s) });
    await writeFile(file, "{}");
    await expect(offline()).rejects.toMatchObject({ code: "ledger-unreadable" });
  });
});

describe("adorable psql", () => {
  const titles = "select string_agg(title, ' ' order by id) as titles from blog.posts";

  /** The rows of a query on a look, as its reader. */
  async function look<Row>(moment: string, query: string, pull?: number): Promise<Row[]> {
    await using opened = await openLook(plane.platform, await plane.project(), parseMoment(moment), pull);
    return await withConnection(opened.credential.dsn, async (client) => (await client.query(query)).rows as Row[]);
  }

  test("shows a moment's data by release, time and position", async () => {
    const [first, second] = await listReleases(plane.platform.store, (await plane.project()).id);
    expect(await look("release:1", titles)).toEqual([{ titles: "first" }]);
    expect(await look("now", titles)).toEqual([{ titles: "first second" }]);
    expect(await look(second?.checkpoint?.lsn ?? "", titles)).toEqual([{ titles: "first" }]);
    expect(await look(second?.created_at.toISOString() ?? "", titles)).toEqual([{ titles: "first" }]);
    expect(await look(first?.created_at.toISOString() ?? "", titles)).toEqual([{ titles: null }]);
    expect(await look("now", "select to_regclass('blog.posts') as posts", 1)).toEqual([{ posts: null }]);
    expect(await forks()).toEqual([]);
  });

  test("prints a table with psql and without, and JSON for scripts", async () => {
    const plain = await adorable(["psql", "--at", "release:2", "-c", titles], { PATH: "" });
    expect(plain).toMatchObject({ exitCode: 0, out: " titles\n--------------\n first second\n(1 row)\n" });
    expect((await adorable(["psql", "-c", titles])).out).toContain("first second");
    const rows = await adorable(["psql", "--json", "-c", "select id, slug, id > 1 as late from blog.posts order by id"]);
    expect(JSON.parse(rows.out)).toEqual([
      { id: 1, slug: null, late: false },
      { id: 2, slug: "second", late: true },
    ]);
    expect(await adorable(["psql", "-c", "select nothing"], { PATH: "" })).toMatchObject({
      exitCode: 1,
      said: expect.stringContaining("ERROR"),
    });
  });

  test("lets nobody write, whoever tries", async () => {
    const insert = "insert into blog.posts values (3)";
    for (const statement of [insert, `begin read write; ${insert}; commit`, `set default_transaction_read_only = off; ${insert}`]) {
      await expect(look("now", statement)).rejects.toThrow(/permission denied|read-only/);
    }
    expect(await plane.sql("select count(*)::int as n from blog.posts")).toEqual([{ n: 2 }]);
  });

  test("keeps its fork from every sweep, and lets go of it when it is killed", async () => {
    const child = spawn(process.execPath, [CLI, "psql", "--data", data], {
      cwd: data,
      env: { PATH: "" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdin.write("select 'here' as word;\n");
    for await (const line of createInterface(child.stdout)) if (line.includes("here")) break;
    expect((await forks()).length).toBeGreaterThan(0);
    await plane.settle();
    expect((await forks()).length, "a pass leaves a session alone").toBeGreaterThan(0);
    child.kill("SIGKILL");
    await once(child, "exit");
    await expect.poll(forks).toEqual([]);
  });

  test("says what moments there are", async () => {
    for (const [moment, code] of [
      ["release:7", "moment-unknown"],
      ["release:0", "moment-unknown"],
      ["2020-01-01", "moment-unknown"],
      ["checkpoint:none", "moment-unknown"],
      ["tml_other@0/1", "moment-unknown"],
      ["FF/0", "lsn-out-of-retention"],
    ] as const) {
      await expect(look(moment, "select 1"), moment).rejects.toMatchObject({ code });
    }
    expect(await adorable(["psql", "--at", "yesterday"])).toMatchObject({
      exitCode: 1,
      said: expect.stringContaining("moment-unreadable"),
    });
    const unknown = await adorable(["psql", "--project", "ada/other", "--json", "-c", "select 1"]);
    expect(JSON.parse(unknown.out)).toMatchObject({ ok: false, error: { code: "project-unknown" } });
    expect((await adorable(["psql", "--json"])).exitCode).toBe(2);
  });
});

describe("after a rollback of code and data", () => {
  test("it can be proven, and so can what it went back from, whose data can still be looked at", async () => {
    const change = await plane.merged(await plane.commit({ [`${MIGRATIONS}/20260102000000_slug.sql`]: null }), 3, "ada");
    await plane.settle();
    await updateChange(plane.platform.store, change.id, { choice: "code+data", chosen_by: "ada" });
    await plane.settle();
    const project = await plane.project();
    expect((await listReleases(plane.platform.store, project.id)).at(-1)).toMatchObject({ kind: "rollback", restores: 1 });
    for (const number of [2, 3]) expect(failed(await verifyRelease(plane.platform, project, number))).toEqual([]);
    for (const [moment, rows] of [
      ["release:2", 2],
      ["release:3", 1],
      ["now", 1],
    ] as const) {
      await using opened = await openLook(plane.platform, project, parseMoment(moment));
      const { rowCount } = await withConnection(opened.credential.dsn, (client) => client.query("select from blog.posts"));
      expect({ moment, rowCount }).toEqual({ moment, rowCount: rows });
    }
    expect(await forks()).toEqual([]);
  });
});
