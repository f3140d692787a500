import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { killLeftovers, pidRecordPath, processStart } from "./pid-record.ts";
import { supervise } from "./supervised.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "supervised-"));
});
afterEach(async () => {
  await killLeftovers(dir);
  await rm(dir, { recursive: true, force: true });
});

describe("supervise", () => {
  it("hands over lines, the end, and leaves no record behind", async () => {
    const lines: string[] = [];
    const record = pidRecordPath(dir, "a");
    const child = await supervise({
      file: "sh",
      args: ["-c", "echo one; printf two; echo three >&2; exit 4"],
      cwd: dir,
      record,
      onLine: (stream, line) => lines.push(`${stream} ${line}`),
    });
    expect(await child.exited).toEqual({ code: 4, signal: null });
    expect(lines.toSorted()).toEqual(["stderr three", "stdout one", "stdout two"]);
    expect(await readdir(dir)).toEqual([]);
  });

  it("stops a child that ignores SIGTERM, with its descendants, even when it is frozen", async () => {
    const pidFile = join(dir, "grandchild");
    const child = await supervise({
      file: "sh",
      args: ["-c", `trap '' TERM; sleep 300 & echo $! > ${pidFile}; wait; wait`],
      cwd: dir,
      record: pidRecordPath(dir, "a"),
    });
    await expect.poll(async () => (await readFile(pidFile, "utf8").catch(() => "")).trim()).toMatch(/^\d+$/);
    child.signal("SIGSTOP");
    expect(await child.stop(200)).toEqual({ code: null, signal: "SIGKILL" });
    await expect.poll(async () => processStart(Number(await readFile(pidFile, "utf8")))).toBeUndefined();
  });
});

describe("killLeftovers", () => {
  it("kills what a killed parent left behind, its frozen children and their children too", async () => {
    const script = join(dir, "parent.ts");
    const pids = join(dir, "pids");
    await writeFile(
      script,
      `import { supervise } from ${JSON.stringify(join(import.meta.dirname, "supervised.ts"))};
       const child = await supervise({ file: "sh", args: ["-c", "sleep 300 & echo $$ $! > ${pids}; wait"], cwd: "/", record: ${JSON.stringify(pidRecordPath(dir, "x"))} });
       child.signal("SIGCONT");
       console.log("up");
       setInterval(() => {}, 1000);`,
    );
    const parent = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(parent.stdout, "data");
    await expect.poll(async () => await readFile(pids, "utf8").catch(() => "")).toMatch(/^\d+ \d+\n$/);
    const [leader, grandchild] = (await readFile(pids, "utf8")).trim().split(" ").map(Number);
    process.kill(grandchild ?? 0, "SIGSTOP");
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await killLeftovers(dir);
    expect(await Promise.all([processStart(leader ?? 0), processStart(grandchild ?? 0)])).toEqual([undefined, undefined]);
    expect((await readdir(dir)).filter((name) => name.endsWith(".json"))).toEqual([]);
  });

  it("leaves a process alone that took over a recorded number", async () => {
    const stranger = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
    const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    await writeFile(pidRecordPath(dir, "old"), JSON.stringify({ pid: stranger.pid, startedAt: "1", bootId, token: "t" }));
    expect(await killLeftovers(dir)).toEqual([]);
    expect(await processStart(stranger.pid ?? 0)).toBeDefined();
    stranger.kill("SIGKILL");
  });
});
