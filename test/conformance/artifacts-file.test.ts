/** The artifact store in a folder: the rules of every store, and its own about damaged files. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFileArtifacts } from "../../src/artifacts/file/file-artifacts.ts";
import { describeArtifactStore } from "./artifacts.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "artifacts-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

describeArtifactStore("file", async () => await createFileArtifacts({ dir }));

it("gives out no byte of an artifact that changed on disk", async () => {
  const store = await createFileArtifacts({ dir });
  const digest = await store.put(Readable.from([Buffer.from("bytes")]));
  await writeFile(join(dir, digest.slice(7, 9), digest.slice(7)), "changed");
  await expect(store.get(digest)).rejects.toMatchObject({ code: "artifact-corrupt", remedy: "operator" });
});

it("leaves no file of a stream that broke off", async () => {
  const store = await createFileArtifacts({ dir });
  const broken = new Readable({
    read() {
      this.destroy(new Error("broken off"));
    },
  });
  await expect(store.put(broken)).rejects.toThrow("broken off");
  expect(await readdir(join(dir, "incoming"))).toEqual([]);
});
