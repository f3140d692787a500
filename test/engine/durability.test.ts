/** What the engine publishes has reached the disk before, and its name soon after: shown by a trace of its system calls. */
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { judge, TRACED } from "./durability.ts";
import { openPlace } from "./place.ts";

const run = promisify(execFile);

async function whyNotTraceable(): Promise<string | undefined> {
  try {
    await run("strace", ["-f", "-o", "/dev/null", "/bin/true"]);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "strace is not installed" : "this machine forbids tracing processes";
  }
}

test("every base, record, number and endpoint is synced before its rename, its folder after it, and a deleted record before its files go", async (ctx) => {
  const why = await whyNotTraceable();
  if (why !== undefined) return ctx.skip(why);
  const home = await realpath(await mkdtemp(join(tmpdir(), "adt-")));
  try {
    await chmod(home, 0o711);
    const root = join(home, "place");
    const output = join(home, "trace");
    // What makes the first cluster is PostgreSQL's, and slow to trace; what it made is published as any base is.
    await (await openPlace(root)).close();
    const strace = ["-f", "-y", "-qq", "-s", "0", "--seccomp-bpf", "-e", "signal=none", "-e", `trace=${TRACED}`, "-o", output];
    await run("strace", [...strace, process.execPath, join(import.meta.dirname, "traced.ts"), root]);
    const trace = await readFile(output, "utf8");
    const { published, faults, marks } = judge(trace, root);
    expect(faults).toEqual([]);
    const unsynced = judge(trace.replaceAll(/^.*\b(fsync|fdatasync|syncfs)(\(| resumed).*$/gm, ""), root);
    expect(unsynced.faults.length).toBeGreaterThanOrEqual(unsynced.published.length);
    const unsyncedFiles = judge(trace.replaceAll(/^.*\bsyncfs(\(| resumed).*$/gm, ""), root).faults.join("\n");
    for (const name of ["/bases/base_", "/tl_older/timeline.json", "/tl_latest/timeline.json"]) expect(unsyncedFiles).toContain(name);
    expect(marks.at(-1)).toBe("closed");
    const kinds = ["/bases/base_", "/tl_older/timeline.json", "/tl_latest/timeline.json", "/numbers.json", "/proxy.json"];
    for (const kind of kinds) expect(published.some((path) => path.includes(kind))).toBe(true);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
