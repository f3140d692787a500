/** `adorable release verify` and `adorable ledger verify`: proofs of what was released, from the platform that is up or from an export alone. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { ConfigSources } from "../config.ts";
import { AdorableError } from "../core/errors.ts";
import { verifyChain, type ChainVerification } from "../release/verify-chain.ts";
import type { ReleaseVerification } from "../release/verify-release.ts";
import { connectOperator } from "./operator-client.ts";
import { printFindings, printJson } from "./terminal.ts";

/** A check failed, rather than the command. */
const DIFFERS = 3;

export interface ProofOptions {
  project?: string | undefined;
  json: boolean;
}

/** Returns the exit code: 0 proven, 3 something differs. */
export async function proveRelease(sources: ConfigSources, release: number, options: ProofOptions): Promise<number> {
  const operator = await connectOperator(sources);
  const project = await operator.project(options.project);
  const answer = await operator.call("POST", `/projects/${project}/releases/${release}/verification`);
  const proof = (await answer.json()) as ReleaseVerification;
  if (options.json) printJson("release-verify", { project, ...proof });
  else {
    process.stdout.write(`Release ${release} of ${project}\n\n`);
    printFindings(proof.checks.map(({ name, ok, detail }) => ({ mark: ok ? "ok" : "failed", name, text: detail })));
    const wrong = proof.checks.filter((check) => !check.ok).length;
    process.stdout.write(
      proof.ok ? "\nEverything is as the ledger claims.\n" : `\n${wrong} of ${proof.checks.length} differ from the ledger.\n`,
    );
  }
  return proof.ok ? 0 : DIFFERS;
}

export interface LedgerOptions extends ProofOptions {
  /** An export instead of a platform. */
  file?: string | undefined;
  /** The hash that the chain has to end with. */
  head?: string | undefined;
}

interface Ledger {
  name: string;
  releases: unknown[];
  /** What the platform has written beside the chain. */
  head?: string | undefined;
}

/** Returns the exit code: 0 every chain holds, 3 one does not. Throws `ledger-unreadable` (operator). */
export async function proveLedger(sources: ConfigSources, options: LedgerOptions): Promise<number> {
  const ledgers = options.file === undefined ? await readPlatform(sources, options.project) : [await readExport(options.file)];
  const proofs = ledgers.map(({ name, releases, head }) => ({ name, ...verifyChain(releases, options.head ?? head) }));
  const ok = proofs.every((proof) => proof.ok);
  if (options.json) printJson("ledger-verify", { ok, ledgers: proofs });
  else {
    printFindings(proofs.map(describe));
    if (options.file !== undefined && options.head === undefined)
      process.stdout.write("\nCompare the last hash with the tag of the newest release, or give it with --head.\n");
  }
  return ok ? 0 : DIFFERS;
}

function describe({
  name,
  ok,
  releases,
  head,
  findings,
}: ChainVerification & { name: string }): Parameters<typeof printFindings>[0][number] {
  const length = `${releases} ${releases === 1 ? "release" : "releases"}`;
  return {
    mark: ok ? "ok" : "failed",
    name,
    text: ok ? `${length}, every hash follows` : `${length}, and the chain is broken`,
    more: ok ? [`last hash ${head}`] : findings.map(({ release, problem }) => `release ${release}: ${problem}`),
  };
}

async function readPlatform(sources: ConfigSources, wanted: string | undefined): Promise<Ledger[]> {
  const operator = await connectOperator(sources);
  const names = wanted === undefined ? (await operator.get<{ full_name: string }[]>("/projects")).map((one) => one.full_name) : [wanted];
  return Promise.all(
    names.map(async (name) => ({ name, releases: (await operator.get<{ releases: unknown[] }>(`/projects/${name}`)).releases })),
  );
}

const exportSchema = z.object({ project: z.object({ repository: z.string() }), releases: z.array(z.unknown()) });

async function readExport(file: string): Promise<Ledger> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    throw unreadable(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
  const parsed = exportSchema.safeParse(content);
  if (!parsed.success) throw unreadable(file, `it has no "${parsed.error.issues[0]?.path.join(".") ?? ""}"`, parsed.error);
  return { name: parsed.data.project.repository, releases: parsed.data.releases };
}

function unreadable(file: string, why: string, cause: unknown): AdorableError {
  return new AdorableError({
    code: "ledger-unreadable",
    remedy: "operator",
    message: `"${file}" is no exported ledger: ${why}.`,
    hint: "Deleting a project writes one to control/exports/ in the data directory.",
    cause,
  });
}
