/** Identifiers: branded strings, chosen before the side effect that they name. */
import { randomBytes } from "node:crypto";

declare const brand: unique symbol;
export type Branded<T, B extends string> = T & { readonly [brand]: B };

export type ProjectId = Branded<string, "ProjectId">;
export type TimelineId = Branded<string, "TimelineId">;
export type EnvironmentId = Branded<string, "EnvironmentId">;
export type RequestId = Branded<string, "RequestId">;
export type RunId = Branded<string, "RunId">;
export type HoldId = Branded<string, "HoldId">;
/** A database name, as clients give it to the proxy: `proj_<id>` or `proj_<id>_pr_<n>`. */
export type EndpointName = Branded<string, "EndpointName">;
/** `sha256:<64 hex>`. */
export type Digest = Branded<string, "Digest">;
/** A 40-hex git commit id. */
export type CommitId = Branded<string, "CommitId">;
/** A 40-hex git tree id. */
export type TreeId = Branded<string, "TreeId">;

const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";

/** `prefix_` and 12 characters that cannot be misread; safe in file names, SQL identifiers and host names (without the prefix). */
export function newId<T extends string>(prefix: string): T {
  const bytes = randomBytes(12);
  let id = "";
  for (const byte of bytes) id += ALPHABET[byte % ALPHABET.length];
  return `${prefix}_${id}` as T;
}
