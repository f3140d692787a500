/** The artifact store port: content-addressed bytes. */
import type { Readable } from "node:stream";
import type { Digest } from "../core/ids.ts";

export interface ArtifactStore {
  /** Stores the stream's bytes and returns their digest. Idempotent by content; durable when it returns. Throws `disk-full` (operator). */
  put(stream: Readable): Promise<Digest>;
  /** Throws `artifact-unknown` (bug) when there is none, `artifact-corrupt` (operator) when the bytes no longer have that digest. */
  get(digest: Digest): Promise<Readable>;
  /** Idempotent. */
  remove(digest: Digest): Promise<void>;
  list(): Promise<Digest[]>;
}
