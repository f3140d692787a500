/** The runtime on one machine: the rules of every runtime, and its own about users, crashes and files. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { create } from "tar";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, describeRuntime, environment, WHO } from "./runtime.ts";
import { putApp, serverOf } from "../support/app-artifacts.ts";
import { createFileArtifacts } from "../../src/artifacts/file/file-artifacts.ts";
import type { ArtifactStore } from "../../src/artifacts/artifacts.ts";
import type { Digest, EnvironmentId } from "../../src/core/ids.ts";
import { processStart } from "../../src/process/pid-record.ts";
import { createLocalRuntime, type LocalRuntime } from "../../src/runtime/local/local-runtime.ts";

let root: string;
let dir: string;
let artifacts: ArtifactStore;
let runtime: LocalRuntime;
const root0 = process.getuid?.() === 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "runtime-"));
  await chmod(root, 0o755);
  dir = join(root, "runtime");
  await mkdir(join(root, "modules/greeting"), { recursive: true });
  await writeFile(join(root, "modules/greeting/index.js"), "exports.greeting = 'hello';");
  artifacts = await createFileArtifacts({ dir: join(root, "artifacts") });
  runtime = await open();
});
afterEach(async () => {
  await runtime.close();
  await rm(root, { recursive: true, force: true });
});

async function open(readyTimeoutMs = 10_000): Promise<LocalRuntime> {
  return await createLocalRuntime({ dir, artifacts, modules: join(root, "modules"), readyTimeoutMs });
}

describeRuntime("local", async () => {
  let present = runtime;
  return {
    runtime,
    artifacts,
    async restart() {
      await present.close();
      present = await open();
      return present;
    },
    close: async () => await present.close(),
  };
});

describe("the local runtime", () => {
  it("runs every app of an environment with its modules, its variables and nothing of ours", async () => {
    process.env["RUNTIME_TEST_SECRET"] = "x";
    const blog = await putApp(
      artifacts,
      serverOf("{ said: greeting, env: process.env, uid: process.getuid() }", 'import { greeting } from "greeting";'),
    );
    const shop = await putApp(artifacts, serverOf(WHO));
    const spec = environment({ blog: { artifact: blog, env: { DATABASE_URL: "postgres://x" } }, shop: { artifact: shop } });
    const observed = await runtime.ensure(spec);
    delete process.env["RUNTIME_TEST_SECRET"];
    expect(observed.state).toBe("running");
    const said = await ask(observed, "blog");
    expect(said).toMatchObject({ said: "hello", env: { DATABASE_URL: "postgres://x", NODE_ENV: "production", HOST: "127.0.0.1" } });
    expect(said["env"]).not.toHaveProperty("RUNTIME_TEST_SECRET");
    const other = await ask(observed, "shop");
    if (root0) {
      expect(said["uid"]).toBeGreaterThanOrEqual(700_000);
      expect(other["uid"]).not.toBe(said["uid"]);
    }
    expect(await runtime.ensure(spec)).toEqual(observed);
    await expect(runtime.ensure(environment({ shop: { artifact: shop } }))).rejects.toMatchObject({ code: "environment-exists" });
  });

  it.runIf(root0)("lets no app read another's files or the record of its variables", async () => {
    const spy = `(await Promise.all(${JSON.stringify(["environments/env_a/blog/src/server/main.ts", "environments/env_a/environment.json", "environments"].map((path) => join(tmpdir(), "PLACE", path)))}
      .map((path) => path.replace("PLACE", process.env.PLACE)).map((path) => import("node:fs").then((fs) => { try { fs.accessSync(path, fs.constants.R_OK); return "open"; } catch (error) { return error.code; } }))))`;
    const blog = await putApp(artifacts, serverOf("{}"));
    const shop = await putApp(artifacts, serverOf("state.found", `state.found = ${spy};`));
    const place = join(dir.slice(tmpdir().length + 1));
    const observed = await runtime.ensure(environment({ blog: { artifact: blog }, shop: { artifact: shop, env: { PLACE: place } } }));
    expect(await ask(observed, "shop")).toEqual(["EACCES", "EACCES", "EACCES"]);
  });

  it("gives up on apps that never listen, never answer, or answer with an error, and tells which", async () => {
    const impatient = await open(2500);
    const server = (answer: string): string =>
      `import { createServer } from "node:http"; createServer((request, response) => { ${answer} }).listen(Number(process.env.PORT), "127.0.0.1");`;
    const apps: Record<string, { artifact: Digest }> = {};
    for (const [slug, code] of Object.entries({
      deaf: 'console.log("thinking"); setInterval(() => {}, 1000);',
      mute: server(""),
      sick: server("response.statusCode = 500; response.end();"),
    })) {
      apps[slug] = { artifact: await putApp(artifacts, { "package.json": '{"type":"module"}', "src/server/main.ts": code }) };
    }
    await expect(impatient.ensure(environment(apps))).rejects.toMatchObject({ code: "app-not-ready" });
    const observed = await impatient.observe("env_a" as EnvironmentId);
    expect(observed.apps.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/did not listen[^]*thinking/),
      expect.stringMatching(/did not answer/),
      expect.stringMatching(/health with 500/),
    ]);
    expect(await readdir(join(dir, "pids"))).toEqual([]);
    await impatient.close();
  });

  it("refuses an artifact with a link, with a path that leaves its folder, or that is no archive", async () => {
    const folder = join(root, "bad");
    await mkdir(folder);
    await symlink("/etc/passwd", join(folder, "link"));
    await writeFile(join(root, "outside"), "x");
    const archives = [
      create({ gzip: true, cwd: folder }, ["link"]),
      create({ gzip: true, cwd: folder, preservePaths: true }, ["../outside"]),
      create({ gzip: true, cwd: folder, preservePaths: true }, [join(root, "outside")]),
      Readable.from([Buffer.from("no archive")]),
    ];
    for (const [index, archive] of archives.entries()) {
      const artifact = await artifacts.put(Readable.from(archive));
      const spec = environment(
        { bad: { artifact } },
        `env_${index}x`.replace(/\d/, (digit) => "abcd"[Number(digit)] ?? ""),
      );
      await expect(runtime.ensure(spec)).rejects.toMatchObject({ code: "artifact-unsafe" });
    }
  });

  it("knows an app that died as stopped, with its last words, and starts it again when woken", async () => {
    const artifact = await putApp(
      artifacts,
      serverOf("{ pid: process.pid }", 'process.on("SIGUSR2", () => { console.error("last words"); process.exit(7); });'),
    );
    const spec = environment({ a: { artifact } });
    const { pid } = await ask(await runtime.ensure(spec), "a");
    process.kill(pid as number, "SIGUSR2");
    await expect.poll(async () => (await runtime.observe(spec.id)).state).toBe("stopped");
    expect((await runtime.observe(spec.id)).apps[0]?.reason).toMatch(/code 7[^]*last words/);
    const [first, second] = await Promise.all([runtime.wake(spec.id), runtime.wake(spec.id)]);
    expect(first).toEqual(second);
    expect((await ask(first, "a"))["pid"]).not.toBe(pid);
  });

  it("keeps logs in files that do not grow without end, without the database's password", async () => {
    const flood = 'for (let i = 0; i < 20000; i += 1) console.log(`line ${i} ${"x".repeat(200)}`); console.log(process.env.DATABASE_URL);';
    const artifact = await putApp(artifacts, serverOf("{}", flood));
    const spec = environment({ a: { artifact, env: { DATABASE_URL: "postgres://u:secretpassword@h/d" } } });
    await runtime.ensure(spec);
    await expect.poll(async () => (await runtime.logs(spec.id, 1))[0]?.line).toBe("•••");
    const lines = await runtime.logs(spec.id, 50);
    expect(lines).toHaveLength(50);
    expect(lines.at(-1)).toMatchObject({ app: "a", stream: "stdout" });
    const files = (await readdir(join(dir, "environments/env_a"))).filter((name) => name.includes(".log"));
    expect(files.length).toBeLessThanOrEqual(2);
    for (const file of files) expect((await readFile(join(dir, "environments/env_a", file))).length).toBeLessThan(4 * 1024 * 1024);
  });

  it("removes an environment with its processes and files, and twice", async () => {
    const spec = environment({ a: { artifact: await putApp(artifacts, serverOf(WHO)) } });
    const { pid } = await ask(await runtime.ensure(spec), "a");
    await runtime.remove(spec.id);
    await runtime.remove(spec.id);
    expect(await processStart(pid as number)).toBeUndefined();
    expect(await readdir(join(dir, "environments"))).toEqual([]);
    expect((await runtime.observe(spec.id)).state).toBe("absent");
    await expect(runtime.wake(spec.id)).rejects.toMatchObject({ code: "environment-unknown" });
  });

  it("finishes at its start what a crash left of a removal", async () => {
    const spec = environment({ a: { artifact: await putApp(artifacts, serverOf(WHO)) } });
    await runtime.ensure(spec);
    await runtime.close();
    await rm(join(dir, "environments/env_a/environment.json"));
    const next = await open();
    expect(await next.list()).toEqual([]);
    expect(await readdir(join(dir, "environments"))).toEqual([]);
    await next.close();
  });

  it("knows its environments after it was killed, runs none of their leftovers, and wakes them as they were", async () => {
    const spec = environment({ a: { artifact: await putApp(artifacts, serverOf(WHO)), env: { DATABASE_URL: "postgres://x" } } });
    const script = join(root, "edge.ts");
    await writeFile(
      script,
      `import { createFileArtifacts } from ${JSON.stringify(join(import.meta.dirname, "../../src/artifacts/file/file-artifacts.ts"))};
       import { createLocalRuntime } from ${JSON.stringify(join(import.meta.dirname, "../../src/runtime/local/local-runtime.ts"))};
       const runtime = await createLocalRuntime({ dir: ${JSON.stringify(dir)}, artifacts: await createFileArtifacts({ dir: ${JSON.stringify(join(root, "artifacts"))} }), modules: ${JSON.stringify(join(root, "modules"))} });
       await runtime.ensure(${JSON.stringify(spec)});
       await runtime.freeze("env_a");
       console.log(JSON.stringify(await runtime.observe("env_a")));
       setInterval(() => {}, 1000);`,
    );
    const edge = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(edge.stdout, "data", { signal: AbortSignal.timeout(20_000) })) as [Buffer];
    expect(JSON.parse(line.toString())).toMatchObject({ state: "frozen" });
    const [record] = await readdir(join(dir, "pids"));
    const { pid } = JSON.parse(await readFile(join(dir, "pids", record ?? ""), "utf8")) as { pid: number };
    edge.kill("SIGKILL");
    await once(edge, "exit");

    const next = await open();
    expect(await processStart(pid)).toBeUndefined();
    expect(await next.list()).toEqual([{ id: "env_a", state: "stopped", apps: [{ slug: "a", state: "stopped" }] }]);
    const observed = await next.wake(spec.id);
    expect(await ask(observed, "a")).toMatchObject({ env: { DATABASE_URL: "postgres://x" } });
    await next.close();
  });
});
