/** The rules that every artifact store follows, as tests that a store's own test file runs against it. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import type { ArtifactStore } from "../../src/artifacts/artifacts.ts";
import type { Digest } from "../../src/core/ids.ts";

const BYTES = Buffer.alloc(300_000, "abc");
const DIGEST = `sha256:${createHash("sha256").update(BYTES).digest("hex")}`;

/** `open` gives the same, at first empty, store at each call within a test. */
export function describeArtifactStore(name: string, open: () => Promise<ArtifactStore>): void {
  describe(`every artifact store: ${name}`, () => {
    it("names bytes by their digest, once, and gives them back after a restart", async () => {
      const store = await open();
      expect(await store.put(Readable.from([BYTES.subarray(0, 7), BYTES.subarray(7)]))).toBe(DIGEST);
      expect(await store.put(Readable.from([BYTES]))).toBe(DIGEST);
      const again = await open();
      expect(await again.list()).toEqual([DIGEST]);
      expect(await buffer(await again.get(DIGEST as Digest))).toEqual(BYTES);
    });

    it("takes the same bytes from several at once, and no bytes at all", async () => {
      const store = await open();
      const digests = await Promise.all(Array.from({ length: 5 }, async () => await store.put(Readable.from([BYTES]))));
      expect(new Set(digests)).toEqual(new Set([DIGEST]));
      const empty = await store.put(Readable.from([]));
      expect(await buffer(await store.get(empty))).toEqual(Buffer.alloc(0));
      expect(await store.list()).toHaveLength(2);
    });

    it("knows nothing of a removed or never stored artifact, and removes twice", async () => {
      const store = await open();
      const digest = await store.put(Readable.from([BYTES]));
      await store.remove(digest);
      await store.remove(digest);
      await expect(store.get(digest)).rejects.toMatchObject({ code: "artifact-unknown", remedy: "bug" });
      await expect(store.get("sha256:../../etc/passwd" as Digest)).rejects.toMatchObject({ code: "artifact-unknown" });
    });

    it("keeps nothing of a stream that broke off", async () => {
      const store = await open();
      const broken = Readable.from(
        (function* () {
          yield BYTES;
          throw new Error("broken off");
        })(),
      );
      await expect(store.put(broken)).rejects.toThrow("broken off");
      expect(await store.list()).toEqual([]);
    });
  });
}
