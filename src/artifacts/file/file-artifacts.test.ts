import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Digest } from "../../core/ids.ts";
import type { ArtifactStore } from "../artifacts.ts";
import { createFileArtifacts } from "./file-artifacts.ts";

let dir: string;
let store: ArtifactStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "artifacts-"));
  store = await createFileArtifacts({ dir });
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const bytes = Buffer.alloc(300_000, "abc");

describe("createFileArtifacts", () => {
  it("names bytes by their digest, once, and gives them back after a restart", async () => {
    const digest = await store.put(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]));
    expect(digest).toBe(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
    expect(await store.put(Readable.from([bytes]))).toBe(digest);
    const again = await createFileArtifacts({ dir });
    expect(await again.list()).toEqual([digest]);
    expect(await buffer(await again.get(digest))).toEqual(bytes);
  });

  it("gives out no byte of an artifact that changed on disk", async () => {
    const digest = await store.put(Readable.from([bytes]));
    await writeFile(join(dir, digest.slice(7, 9), digest.slice(7)), "changed");
    await expect(store.get(digest)).rejects.toMatchObject({ code: "artifact-corrupt" });
  });

  it("knows nothing of a removed or never stored artifact, and removes twice", async () => {
    const digest = await store.put(Readable.from([bytes]));
    await store.remove(digest);
    await store.remove(digest);
    await expect(store.get(digest)).rejects.toMatchObject({ code: "artifact-unknown" });
    await expect(store.get("sha256:../../etc/passwd" as Digest)).rejects.toMatchObject({ code: "artifact-unknown" });
  });

  it("keeps nothing of a stream that broke off", async () => {
    const broken = Readable.from(
      (function* () {
        yield bytes;
        throw new Error("broken off");
      })(),
    );
    await expect(store.put(broken)).rejects.toThrow("broken off");
    expect(await store.list()).toEqual([]);
    expect(await readdir(join(dir, "incoming"))).toEqual([]);
  });
});
