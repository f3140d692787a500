/** Proves one release: whatever its ledger row claims is derived anew from git, the artifact store, the evidence and forks of the data, and compared. */
import type { Mirror } from "../change/mirror.ts";
import { openOwnFork } from "../change/own-forks.ts";
import type { Platform } from "../change/platform.ts";
import { AdorableError, toAdorableError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import type { Digest } from "../core/ids.ts";
import { planHash, type Plan } from "../core/plan.ts";
import type { Checkpoint } from "../database/database.ts";
import { applyMigrations, parseMigrations } from "../database/migrations/migrations.ts";
import { ensureRoles } from "../database/migrations/roles.ts";
import { schemaHash } from "../database/migrations/schema.ts";
import { listEvidence } from "../store/evidence.ts";
import { listReleases, listRollouts } from "../store/releases.ts";
import type { ProjectRow, ReleaseRow } from "../store/rows.ts";
import { dataOfRelease, digestOf, findTarget, specOf } from "./ledger.ts";
import { headOfProduction } from "./moments.ts";
import { verifyChain } from "./verify-chain.ts";
import type { Rollout, RolloutData } from "./rollout.ts";

export interface ReleaseCheck {
  name: string;
  ok: boolean;
  /** What was derived, or how it differs from what the ledger claims. */
  detail: string;
}

export interface ReleaseVerification {
  release: number;
  ok: boolean;
  checks: ReleaseCheck[];
}

/** Throws `release-unknown` (operator). What differs, and what cannot be derived any more, is a check that failed. */
export async function verifyRelease(platform: Platform, project: ProjectRow, number: number): Promise<ReleaseVerification> {
  const ledger = await listReleases(platform.store, project.id);
  const row = ledger.find((one) => one.number === number);
  if (!row) {
    throw new AdorableError({
      code: "release-unknown",
      remedy: "operator",
      message: `There is no release ${number} in "${project.full_name}".`,
      hint: ledger.length === 0 ? "Nothing has been released yet." : `Name one from 1 to ${ledger.length}.`,
    });
  }
  const mirror = await platform.mirrors.open(project.id);
  const claims: [string, () => Promise<string>][] = [
    ["chain", () => proveChain(ledger, row)],
    ["tree", () => proveTree(mirror, row)],
    ["plan", () => provePlan(platform, row)],
    ["artifacts", () => proveArtifacts(platform, mirror, ledger, row)],
    ["evidence", () => proveEvidence(platform, ledger, row)],
    ["schema, derived", () => proveDerivedSchema(platform, mirror, ledger, row)],
    ["schema, as it stood", () => proveKeptSchema(platform, ledger, row)],
  ];
  const checks: ReleaseCheck[] = [];
  for (const [name, prove] of claims) {
    try {
      checks.push({ name, ok: true, detail: await prove() });
    } catch (thrown) {
      const detail = thrown instanceof Mismatch ? thrown.message : `cannot be derived: ${toAdorableError(thrown).message}`;
      checks.push({ name, ok: false, detail });
    }
  }
  return { release: number, ok: checks.every((check) => check.ok), checks };
}

/** The ledger claims one thing, and another was found. */
class Mismatch extends Error {}

function compare(what: string, claimed: unknown, found: unknown): void {
  if (claimed !== found) throw new Mismatch(`${what}: the ledger claims ${String(claimed)}, found ${String(found)}`);
}

async function proveChain(ledger: readonly ReleaseRow[], row: ReleaseRow): Promise<string> {
  const { findings } = verifyChain(ledger);
  const [first] = findings;
  if (first) throw new Mismatch(`release ${first.release}: ${first.problem}`);
  return `${ledger.length} ${ledger.length === 1 ? "row" : "rows"}, this one ${row.hash.slice(0, 12)}`;
}

async function proveTree(mirror: Mirror, row: ReleaseRow): Promise<string> {
  if (!(await mirror.has(row.git_commit))) throw new Mismatch(`the commit ${row.git_commit} is not in the repository`);
  compare(`the tree of ${row.git_commit}`, row.tree, await mirror.treeOf(row.git_commit));
  compare("its released paths", row.released_tree, await mirror.releasedTree(row.git_commit));
  return `commit ${row.git_commit.slice(0, 12)} has the tree ${row.tree.slice(0, 12)}`;
}

async function provePlan({ store }: Platform, row: ReleaseRow): Promise<string> {
  if (row.plan_hash === null) return "released without a plan";
  const plans = await store.rows<{ plan: Plan }>(
    "select plan from plans join requests on requests.id = plans.request_id where requests.project_id = $1 and plans.hash = $2",
    [row.project_id, row.plan_hash],
  );
  const [first] = plans;
  if (!first) throw new Mismatch(`no plan has the hash ${row.plan_hash}`);
  compare("the plan's hash", row.plan_hash, planHash(first.plan));
  return `plan ${row.plan_hash}`;
}

async function proveArtifacts(platform: Platform, mirror: Mirror, ledger: readonly ReleaseRow[], row: ReleaseRow): Promise<string> {
  const restored = row.restores === null ? undefined : findTarget(ledger, row.restores);
  const { apps } = await specOf(mirror, restored ?? row);
  compare("the apps that have an artifact", Object.keys(row.artifacts).toSorted().join(", "), names(apps));
  for (const [app, digest] of Object.entries(row.artifacts)) await proveBytes(platform, `the app "${app}"`, digest);
  const archive = (await rolloutOf(platform, row))?.archive;
  if (archive !== undefined) await proveBytes(platform, "the archived tree", archive);
  const built = apps.length === 0 ? "no app" : `${names(apps)} as built`;
  return archive === undefined ? built : `${built}, and the archived tree`;
}

function names(apps: readonly { slug: string }[]): string {
  return apps
    .map((app) => app.slug)
    .toSorted()
    .join(", ");
}

/** The store hashes what it reads before it hands out the first byte. */
async function proveBytes({ artifacts }: Platform, what: string, digest: string): Promise<void> {
  try {
    (await artifacts.get(digest as Digest)).destroy();
  } catch (error) {
    if (AdorableError.isInstance(error)) throw new Mismatch(`${what}: ${error.message}`);
    throw error;
  }
}

/** By its content, as it was when the release was decided: what a later run found of the same tree changes nothing about that. */
async function proveEvidence(platform: Platform, ledger: readonly ReleaseRow[], row: ReleaseRow): Promise<string> {
  const claimed = Object.entries(row.evidence);
  const origin = originOf(ledger, row);
  const kept = (await rolloutOf(platform, origin))?.evidenceArchive;
  const found = kept === undefined ? await listEvidence(platform.store, row.project_id, origin.tree) : await readEvidence(platform, kept);
  const byDigest = new Map(found.map((one) => [digestOf(one), one]));
  for (const [gate, digest] of claimed) {
    const evidence = byDigest.get(digest);
    if (!evidence) throw new Mismatch(`the evidence of "${gate}": the ledger claims ${digest}, and nothing that was found has it`);
    for (const file of evidence.files) await proveBytes(platform, `"${file.name}" of "${gate}"`, file.digest);
  }
  return claimed.length === 0 ? "none was needed" : claimed.map(([gate]) => gate).join(", ");
}

/** A rollback is decided by what was found of the release that it restores. */
function originOf(ledger: readonly ReleaseRow[], row: ReleaseRow): ReleaseRow {
  const restored = row.kind === "rollback" ? ledger.find((one) => one.number === row.restores) : undefined;
  return restored ? originOf(ledger, restored) : row;
}

async function readEvidence({ artifacts }: Platform, digest: Digest): Promise<Evidence[]> {
  const parts: Buffer[] = [];
  for await (const part of await artifacts.get(digest)) parts.push(Buffer.from(part as Uint8Array));
  return JSON.parse(Buffer.concat(parts).toString("utf8")) as Evidence[];
}

async function rolloutOf({ store }: Platform, row: ReleaseRow): Promise<Partial<RolloutData> | undefined> {
  const rollouts = (await listRollouts(store, row.project_id)) as Rollout[];
  return rollouts.find((one) => one.data.release === row.number)?.data;
}

/** From where the release began: its migrations are applied anew to the data that it met. */
async function proveDerivedSchema(platform: Platform, mirror: Mirror, ledger: readonly ReleaseRow[], row: ReleaseRow): Promise<string> {
  const runsMigrations = row.kind === "release";
  const from = row.kind === "rollback" && row.choice === "code+data" ? dataOfRelease(ledger, row.restores ?? 0) : row.checkpoint;
  await using fork = await openOwnFork(platform, row.project_id, "prove", from);
  if (runsMigrations) {
    const { apps } = await mirror.spec(row.git_commit);
    for (const app of apps) await ensureRoles(fork.dsn, app);
    await applyMigrations(fork.dsn, parseMigrations(await mirror.migrations(row.git_commit)));
  }
  compare("the schema's hash", row.schema_hash, await schemaHash(fork.dsn));
  const start = from === null ? "an empty database" : `${from.timeline} at ${from.lsn}`;
  return runsMigrations ? `${start}, with its migrations, has the schema ${row.schema_hash.slice(0, 12)}` : `${start} has it`;
}

/** What production had when the release stopped being live, or has now: nobody changed it but by migrations. */
async function proveKeptSchema(platform: Platform, ledger: readonly ReleaseRow[], row: ReleaseRow): Promise<string> {
  const at = await endOf(platform, ledger, row);
  await using fork = await openOwnFork(platform, row.project_id, "prove", at);
  compare(`the schema's hash at the release's end (${at.timeline} at ${at.lsn})`, row.schema_hash, await schemaHash(fork.dsn));
  return `${at.timeline} at ${at.lsn} has it`;
}

async function endOf(platform: Platform, ledger: readonly ReleaseRow[], row: ReleaseRow): Promise<Checkpoint> {
  const next = ledger.find((one) => one.number === row.number + 1);
  if (next?.checkpoint) return next.checkpoint;
  return headOfProduction(platform, row.project_id);
}
