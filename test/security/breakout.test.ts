/** What a hostile app can reach of the machine that it runs on: it is told where everything is, and tries all of it. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFileArtifacts } from "../../src/artifacts/file/file-artifacts.ts";
import { newId, type EndpointName, type EnvironmentId, type ProjectId, type TimelineId } from "../../src/core/ids.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";
import { withConnection } from "../../src/database/migrations/connection.ts";
import { canExecute } from "../../src/process/isolation.ts";
import { createLocalRuntime } from "../../src/runtime/local/local-runtime.ts";
import type { Observed, Runtime } from "../../src/runtime/runtime.ts";
import { openPlace, type Place } from "../story/place.ts";
import { putApp } from "../support/app-artifacts.ts";

const isRoot = process.getuid?.() === 0;
/** Where one that is not installed has been unpacked to. */
const BUBBLEWRAP = process.env["ADORABLE_TEST_BUBBLEWRAP"] ?? "/usr/bin/bwrap";
const hasBubblewrap = await canExecute(BUBBLEWRAP);

/** Says of every path and process that it is sent what it could do with it. */
const HOSTILE = `
import { closeSync, openSync, readFileSync, constants } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
const attempt = (work) => { try { work(); return true; } catch { return false; } };
const reaches = (path) => new Promise((resolve) => {
  const socket = connect(path, () => { socket.destroy(); resolve(true); });
  socket.once("error", () => resolve(false));
});
createServer(async (request, response) => {
  if (request.url === "/health") return response.end("ok");
  let text = "";
  for await (const chunk of request) text += chunk;
  const { files = [], sockets = [], pids = [] } = JSON.parse(text || "{}");
  const found = { uid: process.getuid(), read: [], written: [], connected: [], environments: [], signalled: [], seen: [] };
  for (const path of files) {
    if (attempt(() => closeSync(openSync(path, constants.O_RDONLY)))) found.read.push(path);
    if (attempt(() => closeSync(openSync(path, constants.O_WRONLY)))) found.written.push(path);
  }
  for (const path of sockets) if (await reaches(path)) found.connected.push(path);
  for (const pid of pids) {
    if (attempt(() => readFileSync("/proc/" + pid + "/cmdline"))) found.seen.push(pid);
    if (attempt(() => readFileSync("/proc/" + pid + "/environ"))) found.environments.push(pid);
    if (attempt(() => process.kill(pid, 0))) found.signalled.push(pid);
  }
  response.end(JSON.stringify(found));
}).listen(Number(process.env.PORT), process.env.HOST);
`;

interface Found {
  uid: number;
  read: string[];
  written: string[];
  connected: string[];
  environments: number[];
  signalled: number[];
  seen: number[];
}

async function send(observed: Observed, app: string, targets: object): Promise<Found> {
  const address = observed.apps.find((one) => one.slug === app)?.address;
  const response = await fetch(`http://${address?.host}:${address?.port}/`, { method: "POST", body: JSON.stringify(targets) });
  return (await response.json()) as Found;
}

async function walk(folder: string): Promise<{ files: string[]; sockets: string[] }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const of = (kind: "isFile" | "isSocket"): string[] =>
    entries.filter((entry) => entry[kind]()).map((entry) => join(entry.parentPath, entry.name));
  return { files: of("isFile"), sockets: of("isSocket") };
}

/** Every process of the machine that is not below the app. */
async function others(): Promise<number[]> {
  return (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
}

async function startHostile(runtime: Runtime, artifactsDir: string): Promise<Observed> {
  const artifacts = await createFileArtifacts({ dir: artifactsDir });
  const artifact = await putApp(artifacts, { "package.json": '{"type":"module"}', "src/server/main.ts": HOSTILE });
  const id = newId<EnvironmentId>("env");
  return runtime.ensure({
    id,
    project: "prj_a" as ProjectId,
    apps: ["eve", "bob"].map((slug) => ({ slug, artifact, env: { DATABASE_URL: "postgres://bob:secret@127.0.0.1:1/x" } })),
  });
}

describe.runIf(isRoot)("a hostile app, where apps have users of their own", () => {
  let place: Place;
  let observed: Observed;
  const endpoint = "proj_breakout" as EndpointName;

  beforeAll(async () => {
    place = await openPlace();
    const { database, runtime } = place.machine.edge;
    // A database that is awake: its files and its socket are there to be tried.
    await database.createTimeline("tml_victim" as TimelineId);
    await database.endpoint(endpoint, "tml_victim" as TimelineId, 1);
    const { dsn } = await database.credential(endpoint, ADMIN_ROLE);
    await withConnection(dsn, (client) => client.query("create table secrets (word text)"));
    observed = await startHostile(runtime, join(place.machine.dataDir, "artifacts"));
  });
  afterAll(() => place?.close());

  test("reads of the whole data directory nothing but itself and what is public, and writes nothing", async () => {
    const data = place.machine.dataDir;
    const { files } = await walk(data);
    expect(files.some((path) => path.includes("/timelines/tml_victim/data/"))).toBe(true);
    const found = await send(observed, "eve", { files });
    expect(found.uid).not.toBe(0);
    const open = found.read.map((path) => path.slice(data.length + 1));
    const mine = `runtime/environments/${observed.id}/eve/`;
    expect(open.filter((path) => path.startsWith(mine)).length).toBeGreaterThan(0);
    expect(open.filter((path) => !/^(modules|browser|runtime\/bin|database\/postgres)\//.test(path) && !path.startsWith(mine))).toEqual([]);
    expect(found.written).toEqual([]);
  });

  test("connects to no private socket, and sees, signals and reads the environment of nobody else", async () => {
    const { runDir } = JSON.parse(await readFile(join(place.machine.dataDir, "owner.json"), "utf8")) as { runDir: string };
    const { sockets, files } = await walk(runDir);
    expect(sockets.length).toBeGreaterThan(2);
    const mine = new Set<number>();
    const uid = (await send(observed, "eve", {})).uid;
    for (const pid of await others()) {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
      if (status.includes(`Uid:\t${uid}\t`)) mine.add(pid);
    }
    const found = await send(observed, "eve", { sockets, files, pids: (await others()).filter((pid) => !mine.has(pid)) });
    expect(found).toMatchObject({ connected: [], read: [], environments: [], signalled: [] });
  });

  test("a database whose administrator was taken over reads and reaches no other one, and nothing of the platform", async () => {
    const { database } = place.machine.edge;
    const data = place.machine.dataDir;
    const { runDir } = JSON.parse(await readFile(join(data, "owner.json"), "utf8")) as { runDir: string };
    await database.createTimeline("tml_other" as TimelineId);
    const targets = ["memory.json", "master.key", "database/timelines/tml_other/data/PG_VERSION", "database/store/data/PG_VERSION"];
    const { dsn } = await database.credential(endpoint, ADMIN_ROLE);
    await withConnection(dsn, async (client) => {
      expect((await client.query("select pg_read_file('PG_VERSION') as own")).rows).toEqual([{ own: "17\n" }]);
      for (const path of targets) {
        await expect(client.query("select pg_read_file($1)", [join(data, path)]), path).rejects.toMatchObject({ code: "42501" });
        const command = `create temp table if not exists said (line text); copy said from program 'cat ${join(data, path)}'`;
        await expect(client.query(command), path).rejects.toMatchObject({ code: "38000" });
      }
      await expect(
        client.query(`create temp table listed (line text); copy listed from program 'ls ${join(runDir, "store")}'`),
      ).rejects.toMatchObject({ code: "38000" });
    });
  });

  test("has a user that neither another app nor any database has", async () => {
    const users = new Set<number>();
    for (const app of ["eve", "bob"]) users.add((await send(observed, app, {})).uid);
    for (const pid of await others()) {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
      if (/^Name:\s+postgres$/m.test(status)) users.delete(Number(/^Uid:\t(\d+)/m.exec(status)?.[1]));
    }
    expect(users.size).toBe(2);
  });
});

describe.runIf(hasBubblewrap)("a hostile app, where there is bubblewrap", () => {
  test("sees of the machine's files and processes nothing but itself, as whatever user the platform runs", async () => {
    const dir = await mkdtemp(join(tmpdir(), "breakout-"));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    const { chmod, mkdir, writeFile } = await import("node:fs/promises");
    await chmod(dir, 0o755);
    await mkdir(join(dir, "modules"));
    await writeFile(join(dir, "open"), "for everybody", { mode: 0o644 });
    const artifacts = await createFileArtifacts({ dir: join(dir, "artifacts") });
    const runtime = await createLocalRuntime({
      dir: join(dir, "runtime"),
      artifacts,
      modules: join(dir, "modules"),
      bubblewrap: BUBBLEWRAP,
    });
    stack.defer(() => runtime.close());
    expect(runtime.isolation).toBe("bubblewrap");
    const observed = await startHostile(runtime, join(dir, "artifacts"));
    const { files } = await walk(dir);
    const found = await send(observed, "eve", { files: [...files, "/etc/hosts"], pids: (await others()).filter((pid) => pid > 50) });
    const mine = join(dir, "runtime/environments", observed.id, "eve");
    expect(found.read.filter((path) => !path.startsWith(mine))).toEqual(["/etc/hosts"]);
    expect(found).toMatchObject({ written: [], environments: [], signalled: [], seen: [] });

    await runtime.freeze(observed.id);
    const asleep = send(observed, "eve", {}).then(() => "answered");
    expect(await Promise.race([asleep, new Promise((resolve) => setTimeout(resolve, 300, "frozen"))])).toBe("frozen");
    await runtime.thaw(observed.id);
    expect(await asleep).toBe("answered");
    await runtime.remove(observed.id);
    await expect(send(observed, "eve", {})).rejects.toThrow();
  });
});
