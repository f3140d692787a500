/** Verifies a ledger as rows of JSON, from the platform or from an export: every row's hash, and that each builds on the one before. */
import { z } from "zod";
import { LEDGER_ROOT, ledgerHash } from "../store/releases.ts";
import type { ReleaseRow } from "../store/rows.ts";

export interface ChainFinding {
  /** The row's place in the chain, from 1. */
  release: number;
  problem: string;
}

export interface ChainVerification {
  ok: boolean;
  releases: number;
  /** Of the last row: the whole chain in 64 digits. `LEDGER_ROOT` where there is none. */
  head: string;
  findings: ChainFinding[];
}

/** What the chain itself is made of; everything else of a row is covered by its hash. */
const linkSchema = z.looseObject({
  project_id: z.string(),
  number: z.number().int(),
  previous_hash: z.string(),
  hash: z.string(),
  created_at: z.union([z.date(), z.iso.datetime().transform((text) => new Date(text))]),
});

/**
 * Computes every hash anew. A chain that somebody computed anew from the first row on holds by itself: `expectedHead`, which stands in the tag of
 * the newest release and in a deleted project's tombstone, is what such a chain cannot have, nor one whose last rows are missing.
 */
export function verifyChain(rows: readonly unknown[], expectedHead?: string): ChainVerification {
  const findings: ChainFinding[] = [];
  let previous = LEDGER_ROOT;
  let project: string | undefined;
  for (const [index, row] of rows.entries()) {
    const release = index + 1;
    const found = (problem: string): void => void findings.push({ release, problem });
    const parsed = linkSchema.safeParse(row);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      found(`"${issue?.path.join(".") ?? ""}" is missing or of another kind`);
      continue;
    }
    const { hash, ...rest } = parsed.data as unknown as ReleaseRow;
    project ??= rest.project_id;
    if (rest.number !== release) found(`it is numbered ${rest.number}`);
    if (rest.project_id !== project) found(`it is of another project, "${rest.project_id}"`);
    const computed = ledgerHash(rest);
    if (computed !== hash) found(`its content has the hash ${computed}, and it states ${hash}`);
    if (rest.previous_hash !== previous)
      found(`it builds on ${rest.previous_hash}, and ${index === 0 ? "the first row builds on" : `release ${index} states`} ${previous}`);
    previous = hash;
  }
  if (expectedHead !== undefined && expectedHead !== previous)
    findings.push({ release: rows.length, problem: `the chain ends with ${previous}, and ${expectedHead} is expected` });
  return { ok: findings.length === 0, releases: rows.length, head: previous, findings };
}
