import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canExecute } from "../process/isolation.ts";
import { openSandbox, type Sandbox } from "./sandbox.ts";

/** Where one that is not installed has been unpacked to. */
const BUBBLEWRAP = process.env["ADORABLE_TEST_BUBBLEWRAP"] ?? "/usr/bin/bwrap";
const hasBubblewrap = await canExecute(BUBBLEWRAP);

const isRoot = process.getuid?.() === 0;
let workDir: string;
let treeDir: string;
let sandbox: Sandbox;

beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), "sandbox-test-"));
  treeDir = join(workDir, "tree");
  await mkdir(treeDir);
  sandbox = await openSandbox({ workDir, readable: [dirname(process.execPath)] });
});
afterEach(async () => {
  await sandbox.close();
  await rm(workDir, { recursive: true, force: true });
});

async function runScript(script: string, timeoutMs = 20_000, env: Record<string, string> = {}) {
  await writeFile(join(treeDir, "script.mjs"), script);
  return sandbox.run({ args: ["script.mjs"], cwd: treeDir, timeoutMs, env });
}

/** A zombie that nobody has waited for yet does not live. */
async function lives(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return status !== "" && !/^State:\s+[ZX]/m.test(status);
}

describe("the sandbox", () => {
  test("passes on nothing of our environment", async () => {
    process.env["ADORABLE_TEST_SECRET"] = "s3cret";
    const { stdout } = await runScript("console.log(JSON.stringify(process.env))", 20_000, { GIVEN: "yes" });
    delete process.env["ADORABLE_TEST_SECRET"];
    const names = Object.keys(JSON.parse(stdout) as Record<string, string>).filter((name) => name !== "PWD");
    expect(names.toSorted()).toEqual(["CI", "GIVEN", "HOME", "LANG", "NODE_OPTIONS", "NO_COLOR", "PATH", "TMPDIR", "TZ"]);
  });

  test("ends a command at its time limit, with everything that it started", async () => {
    const script = `import { spawn } from "node:child_process";
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: ${isRoot}, stdio: "ignore" });
      console.log(child.pid); setInterval(() => {}, 1000);`;
    const outcome = await runScript(script, 1000);
    expect(outcome).toMatchObject({ timedOut: true, exitCode: null });
    const child = Number(outcome.stdout);
    expect(child).toBeGreaterThan(1);
    // Even what left the process group is found by its user.
    await sandbox.close();
    await expect.poll(() => lives(child)).toBe(false);
  });

  test.runIf(process.platform === "linux")("what it started dies with this process, however that ends", async () => {
    const script = `import { openSandbox } from ${JSON.stringify(join(import.meta.dirname, "sandbox.ts"))};
      const sandbox = await openSandbox({ workDir: ${JSON.stringify(workDir)}, readable: [] });
      const child = sandbox.start({ args: ["-e", "console.log(process.pid); setInterval(() => {}, 1000)"], cwd: ${JSON.stringify(treeDir)} });
      while (child.output() === "") await new Promise((resolve) => setTimeout(resolve, 10));
      console.log(child.output());
      process.kill(process.pid, "SIGKILL");`;
    const { stdout } = await new Promise<{ stdout: string }>((resolve) => {
      execFile(process.execPath, ["--disable-warning=ExperimentalWarning", "--input-type=module-typescript", "-e", script], (_error, out) =>
        resolve({ stdout: out }),
      );
    });
    const child = Number(stdout);
    expect(child).toBeGreaterThan(1);
    await expect.poll(() => lives(child)).toBe(false);
  });

  test("keeps the end of an endless output", async () => {
    const { stdout } = await runScript('for (let i = 0; i < 200000; i++) console.log("line", i); console.log("the end");');
    expect(stdout.length).toBeLessThan(600_000);
    expect(stdout.endsWith("the end\n")).toBe(true);
  });

  test("ends a command that wants too much memory", async () => {
    const small = await openSandbox({ workDir, readable: [dirname(process.execPath)], memoryBytes: 768 * 1024 ** 2 });
    try {
      await writeFile(join(treeDir, "script.mjs"), "const hold = []; for (;;) hold.push(Buffer.alloc(64 * 1024 * 1024, 1));");
      const { exitCode, timedOut } = await small.run({ args: ["script.mjs"], cwd: treeDir, timeoutMs: 20_000 });
      expect(timedOut).toBe(false);
      expect(exitCode).not.toBe(0);
    } finally {
      await small.close();
    }
  });

  test("a command that cannot be started is an outcome", async () => {
    const outcome = await sandbox.run({ args: ["none.mjs"], cwd: treeDir, timeoutMs: 5000 });
    expect(outcome.exitCode).not.toBe(0);
    expect(outcome.output).toContain("none.mjs");
  });

  test.runIf(isRoot)("a command writes only where it may, and reads nothing that is ours alone", async () => {
    expect(sandbox.isolation).not.toBe("none");
    const ours = join(workDir, "ours");
    await writeFile(ours, "secret");
    await chmod(ours, 0o600);
    const open = join(treeDir, "dist");
    await sandbox.allowWrite(open);
    const { stdout } = await runScript(`
      import { readFileSync, writeFileSync } from "node:fs";
      const attempt = (work) => { try { work(); return "done"; } catch (error) { return error.code; } };
      console.log(JSON.stringify([
        attempt(() => readFileSync(${JSON.stringify(ours)})),
        attempt(() => readFileSync("/proc/${process.pid}/environ")),
        attempt(() => writeFileSync("script.mjs", "")),
        attempt(() => writeFileSync("dist/made", "made")),
        process.getuid(),
      ]));`);
    const [secret, environment, source, dist, uid] = JSON.parse(stdout) as [string, string, string, string, number];
    expect([secret, environment, source]).not.toContain("done");
    expect(dist).toBe("done");
    expect(uid).not.toBe(0);
    expect(await readFile(join(open, "made"), "utf8")).toBe("made");
  });

  test.runIf(isRoot)(
    "a command that kills whatever it may kills only what is its own, and reads nothing of another sandbox's tree",
    async () => {
      const otherDir = await mkdtemp(join(tmpdir(), "sandbox-other-"));
      const other = await openSandbox({ workDir: otherDir, readable: [dirname(process.execPath)] });
      try {
        await mkdir(join(otherDir, "tree"));
        await writeFile(join(otherDir, "tree/secret"), "source");
        expect(other.uid).not.toBe(sandbox.uid);
        const victim = other.start({ args: ["-e", "console.log('up'); setInterval(() => {}, 1000)"], cwd: otherDir });
        await expect.poll(() => victim.output()).toBe("up\n");
        const { output, exitCode } = await runScript(`
        import { readFileSync } from "node:fs";
        try { console.log(readFileSync(${JSON.stringify(join(otherDir, "tree/secret"))}, "utf8")); } catch (error) { console.log(error.code); }
        try { process.kill(${process.pid}, "SIGKILL"); } catch (error) { console.log(error.code); }
        process.kill(-1, "SIGKILL");
        process.kill(process.pid, "SIGKILL");`);
        expect(exitCode).toBe(sandbox.isolation === "bubblewrap" ? 137 : null);
        expect(output).toMatch(/^(EACCES|ENOENT)\n(EPERM|ESRCH)\n/);
        expect(await Promise.race([victim.exited, new Promise((resolve) => setTimeout(resolve, 200, "lives"))])).toBe("lives");
      } finally {
        await other.close();
        await rm(otherDir, { recursive: true, force: true });
      }
    },
  );

  test.runIf(hasBubblewrap)(
    "under bubblewrap a command sees no other process, no other file, and no network unless it needs one",
    async () => {
      const boxDir = await mkdtemp(join(tmpdir(), "sandbox-box-"));
      const box = await openSandbox({ workDir: boxDir, readable: [], bubblewrap: BUBBLEWRAP });
      const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
      await once(server, "listening");
      try {
        expect(box.isolation).toBe("bubblewrap");
        const { port } = server.address() as AddressInfo;
        await writeFile(
          join(boxDir, "script.mjs"),
          `import { existsSync, readdirSync } from "node:fs";
         import { connect } from "node:net";
         const socket = connect(${port}, "127.0.0.1", () => { report("connected"); socket.destroy(); });
         socket.once("error", (error) => report(error.code));
         const report = (network) => console.log(JSON.stringify([network, existsSync("/proc/${process.pid}"), existsSync(${JSON.stringify(workDir)}), readdirSync("/tmp").length]));`,
        );
        for (const [isOffline, network] of [
          [true, "ECONNREFUSED"],
          [false, "connected"],
        ] as const) {
          const { stdout, output } = await box.run({ args: ["script.mjs"], cwd: boxDir, timeoutMs: 20_000, isOffline });
          expect(JSON.parse(stdout || output)).toEqual([network, false, false, 1]);
        }
        const slow = box.start({ args: ["-e", "console.log('up'); setInterval(() => {}, 1000)"], cwd: boxDir });
        await expect.poll(() => slow.output()).toBe("up\n");
        await slow.stop();
      } finally {
        server.close();
        await box.close();
        await rm(boxDir, { recursive: true, force: true });
      }
    },
  );

  test.runIf(isRoot)("where others cannot pass, says that nothing is isolated, and refuses when isolation is required", async () => {
    const closed = join(workDir, "closed");
    await mkdir(join(closed, "tools"), { recursive: true });
    await chmod(closed, 0o700);
    const readable = [join(closed, "tools")];
    const inner = await openSandbox({ workDir, readable });
    if (inner.isolation === "none") {
      expect(inner.note).toBe("other users cannot reach the tools or the tree");
      await expect(openSandbox({ workDir, readable, required: true })).rejects.toMatchObject({
        code: "sandbox-missing",
        remedy: "operator",
        hint: `Make "${closed}" passable for other users (chmod o+x).`,
      });
    }
    await inner.close();
  });
});
