import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processStart } from "./pid-record.ts";
import { run } from "./run.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "run-"));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe("run", () => {
  it("gives back the exit code and both outputs of a failed command as data", async () => {
    const result = await run("sh", ["-c", "cat; echo no >&2; exit 3"], { stdin: "yes" });
    expect(result).toMatchObject({ exitCode: 3, signal: null, timedOut: false, truncated: false });
    expect([result.stdout.toString(), result.stderr.toString()]).toEqual(["yes", "no\n"]);
  });

  it("kills the whole group at the time limit, and what a command left in the background", async () => {
    const file = join(dir, "pid");
    const result = await run("sh", ["-c", `sleep 300 & echo $! > ${file}; wait`], { timeoutMs: 300 });
    expect(result).toMatchObject({ timedOut: true, signal: "SIGKILL", exitCode: null });
    await expect.poll(async () => processStart(Number(await readFile(file, "utf8")))).toBeUndefined();

    const left = await run("sh", ["-c", `sleep 300 & echo $! > ${file}`]);
    expect(left.exitCode).toBe(0);
    await expect.poll(async () => processStart(Number(await readFile(file, "utf8")))).toBeUndefined();
  });

  it("keeps no more output than asked for and says so", async () => {
    const result = await run("sh", ["-c", "head -c 300000 /dev/zero"], { maxBytes: 1000 });
    expect(result.stdout.length).toBe(1000);
    expect(result.truncated).toBe(true);
  });

  it("hands no variable of ours to the command", async () => {
    process.env["RUN_TEST_SECRET"] = "x";
    const result = await run("env", [], { env: { MINE: "1" } });
    delete process.env["RUN_TEST_SECRET"];
    expect(result.stdout.toString()).toContain("MINE=1");
    expect(result.stdout.toString()).not.toContain("RUN_TEST_SECRET");
  });

  it("ends with the caller's signal", async () => {
    expect(await run("sleep", ["60"], { signal: AbortSignal.timeout(100) })).toMatchObject({ aborted: true, timedOut: false });
  });

  it("throws only where there was no process at all", async () => {
    await expect(run("no-such-command", ["a b"])).rejects.toMatchObject({ code: "command-not-found" });
    await expect(run("true", [], { cwd: "/no/such/dir" })).rejects.toMatchObject({ code: "command-not-found" });
  });

  it.runIf(process.getuid?.() === 0)("runs as another user without its supplementary groups", async () => {
    const result = await run("id", [], { uid: 700_001, gid: 700_001 });
    expect(result.stdout.toString().trim()).toBe("uid=700001 gid=700001 groups=700001");
  });
});
