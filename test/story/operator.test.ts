/** What goes wrong at the operator's side of the command line: a message that says what and what to do, an exit code, and nothing harmed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canExecute } from "../../src/process/isolation.ts";
import { run, type RunResult } from "../../src/process/run.ts";
import { processesOf } from "./place.ts";

const CLI = join(import.meta.dirname, "../../src/cli.ts");
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

describe("adorable up", () => {
  let dir: string;
  let data: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "adorable-operator-"));
    await chmod(dir, 0o755);
    data = join(dir, "data");
  });
  afterEach(async () => {
    expect(await processesOf(dir)).toEqual([]);
    await rm(dir, { recursive: true, force: true });
  });

  async function adorable(
    args: string[],
    options: { env?: Record<string, string>; uid?: number } = {},
  ): Promise<RunResult & { said: string }> {
    const { env = {}, uid } = options;
    const ended = await run(process.execPath, [CLI, ...args], {
      cwd: dir,
      env: { NO_COLOR: "1", ...env },
      timeoutMs: 180_000,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    return { ...ended, said: ended.stderr.toString() };
  }

  async function occupied(): Promise<Server> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  test("ends with 1 where the data directory cannot be written, and names it", async () => {
    // Root may write anywhere: somebody else has to try.
    const locked = join(dir, "locked");
    await mkdir(locked, { mode: 0o555 });
    const { exitCode, said } = await adorable(["up", "--data", join(locked, "data")], isRoot ? { uid: NOBODY } : {});

    expect({ exitCode, said }).toEqual({ exitCode: 1, said: expect.stringContaining("data-directory-unwritable") });
    expect(said).toContain(join(locked, "data"));
    expect(said).toContain("--data");
  });

  test("ends with 1 where a file stands in the data directory's place", async () => {
    await writeFile(data, "mine\n");
    const { exitCode, said } = await adorable(["up", "--data", data]);

    expect({ exitCode, said }).toEqual({ exitCode: 1, said: expect.stringContaining("data-directory-unwritable") });
    expect(await readFile(data, "utf8")).toBe("mine\n");
  });

  test("ends with 1 where the disk is full, and says so", async ({ skip }) => {
    await mkdir(data);
    const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=8m,mode=755", "none", data]).catch(() => undefined);
    if (mounted?.exitCode !== 0) return skip("only root can make a small disk");
    try {
      const { exitCode, said } = await adorable(["up", "--data", data]);

      expect({ exitCode, said }).toEqual({ exitCode: 1, said: expect.stringMatching(/disk-full|no space left/i) });
      expect(said).not.toMatch(/\n\s+at /);
    } finally {
      await run("umount", [data]);
    }
  });

  test("ends with 1 where a given port is in use, and names it", async () => {
    const server = await occupied();
    const { port } = server.address() as AddressInfo;
    try {
      for (const flag of ["--port", "--gateway-port", "--forge-port", "--database-port"]) {
        const { exitCode, said } = await adorable(["up", "--data", data, flag, String(port)]);

        expect({ exitCode, said }).toEqual({ exitCode: 1, said: expect.stringContaining("port-in-use") });
        expect(said).toContain(String(port));
      }
      const told = await adorable(["demo", "--data", data, "--port", String(port), "--report", "report.json"]);
      expect(told.exitCode).toBe(1);
      expect(told.said).toContain(`The port ${port} is in use`);
      expect(JSON.parse(await readFile(join(dir, "report.json"), "utf8"))).toMatchObject({ ok: false, steps: [{ ok: false }] });
    } finally {
      server.close();
    }
  });

  test.each([
    ["is no JSON", "{", "cannot be read as JSON"],
    ["has an unknown setting", '{ "aproval": "plan" }', '"aproval" in adorable.config.json is no setting'],
    ["has a wrong value", '{ "approval": "maybe" }', '"approval" from adorable.config.json is "maybe"'],
    ["names a model that there is none of", '{ "models": { "producer": "crystal-ball" } }', "models.producer"],
  ])("ends with 1 where the configuration %s", async (_how, text, says) => {
    await writeFile(join(dir, "adorable.config.json"), text);
    const { exitCode, said } = await adorable(["up", "--data", data]);

    expect({ exitCode, said }).toEqual({ exitCode: 1, said: expect.stringContaining(says) });
    expect(said).toContain("config-invalid");
  });

  test("ends with 1 for a variable that is misspelt, and with 2 for a command or an option that is none", async () => {
    expect(await adorable(["up", "--data", data], { env: { ADORABLE_APROVAL: "plan" } })).toMatchObject({
      exitCode: 1,
      said: expect.stringContaining('"ADORABLE_APROVAL" is none of ours'),
    });
    expect(await adorable(["upp"])).toMatchObject({ exitCode: 2, said: expect.stringContaining('"upp" is no command') });
    expect(await adorable(["up", "--prot", "1"])).toMatchObject({ exitCode: 2, said: expect.stringContaining("--prot") });
  });

  test("ends with 1 where what it remembers is damaged, and leaves it for a repair", async () => {
    await mkdir(data);
    await writeFile(join(data, "memory.json"), '{ "ports": ');
    const { exitCode, said } = await adorable(["up", "--data", data]);

    expect({ exitCode, said }).toEqual({ exitCode: 1, said: expect.stringContaining("data-directory-corrupt") });
    expect(await readFile(join(data, "memory.json"), "utf8")).toBe('{ "ports": ');
  });

  test("refuses a remote GitHub where nothing isolates what comes from it, unless it is trusted, and then where it cannot be reached", async ({
    skip,
  }) => {
    if (await canExecute("/usr/bin/bwrap")) return skip("there is bubblewrap");
    const github = { appId: 1, privateKeyFile: "app.pem", webhookSecret: "0123456789abcdef0123" };
    await writeFile(join(dir, "adorable.config.json"), JSON.stringify({ github, publicUrl: "https://adorable.example.org" }));
    const asNobody = isRoot ? { uid: NOBODY } : {};
    const refused = await adorable(["up", "--data", data], asNobody);
    expect({ exitCode: refused.exitCode, said: refused.said }).toEqual({ exitCode: 1, said: expect.stringContaining("isolation-missing") });
    expect(refused.said).toMatch(/bubblewrap.*--trust-code.*ADORABLE_TRUST_CODE/s);
    for (const trusted of [
      await adorable(["up", "--data", data, "--trust-code"], asNobody),
      await adorable(["up", "--data", data], { ...asNobody, env: { ADORABLE_TRUST_CODE: "true" } }),
    ]) {
      expect({ exitCode: trusted.exitCode, said: trusted.said }).toEqual({
        exitCode: 1,
        said: expect.stringContaining("remote-github-missing"),
      });
    }
    const { exitCode, stdout } = await adorable(["doctor", "--data", data, "--json"], asNobody);
    expect(exitCode).toBe(1);
    expect(capability(stdout.toString(), "trust")).toMatchObject({ state: "failed" });
    expect(await readdir(dir)).toEqual(["adorable.config.json"]);
  });

  test("doctor says what there is, ends with 0 where a platform can run, and leaves no trace", async () => {
    const { exitCode, stdout } = await adorable(["doctor", "--data", data]);
    expect({ exitCode, out: stdout.toString() }).toEqual({
      exitCode: 0,
      out: expect.stringMatching(/The platform can run here. isolation: \w+\n$/),
    });
    const names = [
      "node",
      "git",
      "setpriv",
      "user namespaces",
      "bubblewrap",
      "uids",
      "browser",
      "disk",
      "reflink",
      "memory",
      "ports",
      "postgres",
    ];
    for (const name of [...names, "data directory", "platform"])
      expect(stdout.toString()).toMatch(new RegExp(`^  (ok  |--  )  ${name} `, "m"));
    expect(await readdir(dir)).toEqual([]);
  });

  test("doctor names what is wrong with settings, ports and the data directory, and ends with 1", async () => {
    const server = await occupied();
    const { port } = server.address() as AddressInfo;
    const asNobody = isRoot ? { uid: NOBODY } : {};
    try {
      await mkdir(data);
      await writeFile(join(data, "memory.json"), "{");
      const damaged = await adorable(["doctor", "--data", data, "--json", "--gateway-port", String(port)]);
      expect(damaged.exitCode).toBe(1);
      expect(capability(damaged.stdout.toString(), "data directory")).toMatchObject({
        state: "failed",
        found: expect.stringContaining("memory.json"),
      });
      expect(capability(damaged.stdout.toString(), "ports")).toMatchObject({ state: "failed", found: `in use: ${port} (gateway)` });
      const wrong = await adorable(["doctor", "--data", join(data, "below"), "--json"], {
        ...asNobody,
        env: { ADORABLE_APPROVAL: "maybe" },
      });
      expect(wrong.exitCode).toBe(1);
      expect(capability(wrong.stdout.toString(), "settings")).toMatchObject({ state: "failed", found: expect.stringContaining('"maybe"') });
      expect(capability(wrong.stdout.toString(), "uids")).toMatchObject({ state: "missing", found: expect.stringContaining("not root") });
      if (isRoot) expect(capability(wrong.stdout.toString(), "data directory")).toMatchObject({ state: "failed" });
    } finally {
      server.close();
    }
  });

  test("has its data to itself, comes back after kill -9 at the same address, and ends everything at Ctrl-C", async () => {
    const first = await up();
    expect(await adorable(["up", "--data", data])).toMatchObject({ exitCode: 1, said: expect.stringContaining("data-directory-in-use") });
    const { stdout } = await adorable(["doctor", "--data", data, "--json"]);
    expect(capability(stdout.toString(), "platform")).toMatchObject({
      state: "ok",
      found: expect.stringContaining("control plane is well"),
    });
    expect((await fetch(first.url, { redirect: "manual" })).status).toBeLessThan(400);
    first.child.kill("SIGKILL");
    await once(first.child, "exit");

    const second = await up();
    expect(new URL(second.url).origin).toBe(new URL(first.url).origin);
    expect((await fetch(`${new URL(second.url).origin}/ada/first-project`)).status).toBe(200);
    second.child.kill("SIGINT");
    expect(await once(second.child, "exit")).toEqual([0, null]);
    await expect.poll(() => processesOf(dir)).toEqual([]);
  });

  function capability(out: string, name: string): unknown {
    return (JSON.parse(out) as { capabilities: { name: string }[] }).capabilities.find((one) => one.name === name);
  }

  async function up(): Promise<{ child: ReturnType<typeof spawn>; url: string }> {
    const child = spawn(process.execPath, [CLI, "up", "--data", data], { cwd: dir, stdio: ["ignore", "pipe", "ignore"] });
    const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`it ended with ${String(code)} instead of starting`)));
    const [url] = (await Promise.race([once(createInterface(child.stdout), "line"), ended])) as [string];
    ended.catch(() => {});
    return { child, url };
  }
});
