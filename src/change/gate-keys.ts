/** What decides the results of an app's gates, as keys: with equal keys and the same judge the same is found. */
import { createHash } from "node:crypto";
import type { GateName } from "../core/evidence.ts";
import { canonicalJson } from "../core/plan.ts";
import { SPEC_PATH, type AppSpec, type ProjectSpec } from "../core/spec.ts";
import type { Capabilities } from "../database/database.ts";
import type { Mirror, TreeEntry } from "./mirror.ts";

export interface AppKeys {
  app: string;
  /** Of the gates that look at the tree alone; and of what others find where nothing was taken away since the base. */
  plain: string;
  /** Of the gates that compare with the base: as `plain` where the base has nothing to compare with. */
  compared: string;
  /** The migrations of the other apps, path → blob: all apps share one database. */
  beside: Record<string, string>;
}

const COMPARING: readonly GateName[] = ["contract", "tests"];
/** Those that work on the database, with the migrations of every app in it. */
const ON_DATABASE: readonly GateName[] = ["contract", "tests", "browse"];

/**
 * The keys of every app of `tree`, judged as a merge into `base`. In a key: the app's own tree; its entry in the spec with its contract;
 * whatever stands in the tree outside of the apps (a shared file); what the base has, where a gate compares with it; the database engine.
 * Throws what `Mirror.spec` throws for `tree`.
 */
export async function readAppKeys(
  mirror: Mirror,
  subject: { base: string; tree: string },
  engine: Pick<Capabilities, "engine" | "postgres">,
): Promise<AppKeys[]> {
  const [spec, entries, before] = [await mirror.spec(subject.tree), await mirror.list(subject.tree), await readBase(mirror, subject.base)];
  const shared = entries.filter(isShared).map(({ mode, path, object }) => `${mode} ${object} ${path}`);
  const migrations = entries.filter((entry) => /^apps\/[^/]+\/db\/migrations\/[^/]+\.sql$/.test(entry.path));
  return spec.apps.map((app) => {
    const folder = `apps/${app.slug}`;
    const parts = { app, tree: objectAt(entries, folder), shared, engine: engine.engine, postgres: engine.postgres };
    const old = before.app(app.slug);
    const isSame = old === undefined || (old.tree === parts.tree && canonicalJson(old.spec.contract) === canonicalJson(app.contract));
    const plain = digestOf(parts);
    return {
      app: app.slug,
      plain,
      compared: isSame ? plain : digestOf({ ...parts, before: { tree: old.tree, contract: old.spec.contract } }),
      beside: Object.fromEntries(migrations.flatMap(({ path, object }) => (path.startsWith(`${folder}/`) ? [] : [[path, object]]))),
    };
  });
}

/** The key under which the result of `gate` is looked up. */
export function keyOf(keys: AppKeys, gate: GateName): string {
  return COMPARING.includes(gate) ? keys.compared : keys.plain;
}

/** The keys under which a result is kept: one that says nothing of the base holds beside any base from which nothing was taken away. */
export function keptUnder(keys: AppKeys, gate: GateName, isFlagged: boolean): string[] {
  return [...new Set(isFlagged ? [keyOf(keys, gate)] : [keyOf(keys, gate), keys.plain])];
}

export function besideOf(keys: AppKeys, gate: GateName): Record<string, string> {
  return ON_DATABASE.includes(gate) ? keys.beside : {};
}

/**
 * Whether what was found on a database with the migrations `then` holds on one with those of `now`. Migrations that came since stand in
 * schemas of their own, which is all that a migration can reach; one that was changed or is gone means that the database was made anew.
 */
export function holdsBeside(then: Record<string, string>, now: Record<string, string>): boolean {
  return Object.entries(then).every(([path, object]) => now[path] === object);
}

interface Base {
  app(slug: string): { tree: string | undefined; spec: AppSpec } | undefined;
}

async function readBase(mirror: Mirror, base: string): Promise<Base> {
  const entries = await mirror.list(base);
  // A base whose spec cannot be read declares nothing that could be lost.
  const spec: ProjectSpec = await mirror.spec(base).catch(() => ({ version: 1, apps: [] }));
  return {
    app(slug) {
      const app = spec.apps.find((one) => one.slug === slug);
      const tree = objectAt(entries, `apps/${slug}`);
      return app === undefined && tree === undefined
        ? undefined
        : { tree, spec: app ?? { slug, name: slug, contract: { procedures: [], tables: [] } } };
    },
  };
}

/** What apps can read besides themselves: the root, and files beside the apps. The spec counts by the app's own entry. */
function isShared({ path, type }: TreeEntry): boolean {
  if (path === SPEC_PATH || path === "apps" || path === ".adorable") return false;
  if (path.startsWith(".adorable/")) return true;
  return path.startsWith("apps/") ? type !== "tree" && path.split("/").length === 2 : !path.includes("/");
}

function objectAt(entries: readonly TreeEntry[], path: string): string | undefined {
  return entries.find((entry) => entry.path === path)?.object;
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
