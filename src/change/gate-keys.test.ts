import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProjectId } from "../core/ids.ts";
import { gitText } from "../process/git.ts";
import { besideOf, holdsBeside, keptUnder, keyOf, readAppKeys, type AppKeys } from "./gate-keys.ts";
import { createMirrors, type Mirror } from "./mirror.ts";

const ENGINE = { engine: "embedded", postgres: 17 };
const contract = (...tables: string[]) => ({ procedures: [{ name: `${tables[0]}.list`, type: "query" }], tables });
const spec = (apps: Record<string, ReturnType<typeof contract>>) =>
  JSON.stringify({ version: 1, apps: Object.entries(apps).map(([slug, of]) => ({ slug, name: slug, contract: of })) });

const BLOG = {
  "apps/blog/src/a.ts": "export const a = 1;\n",
  "apps/blog/db/migrations/20260101000000_posts.sql": "create table posts ();\n",
};
const TODO = {
  "apps/todo/src/b.ts": "export const b = 1;\n",
  "apps/todo/db/migrations/20260102000000_tasks.sql": "create table tasks ();\n",
};
const ONE = { ".adorable/spec.json": spec({ blog: contract("posts") }), "README.md": "Read me.\n", ...BLOG };
const TWO = { ...ONE, ".adorable/spec.json": spec({ blog: contract("posts"), todo: contract("tasks") }), ...TODO };

let dir: string;
let mirror: Mirror;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "gate-keys-"));
  mirror = await createMirrors(dir).open("prj_keys" as ProjectId);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const blobs = new Map<string, string>();
const trees = new Map<string, string>();

async function tree(files: Record<string, string>): Promise<string> {
  const name = JSON.stringify(files);
  const known = trees.get(name);
  if (known !== undefined) return known;
  const env = { GIT_INDEX_FILE: join(dir, "index") };
  const git = (args: string[], stdin = ""): Promise<string> => gitText(args, { cwd: mirror.dir, env, stdin });
  for (const text of Object.values(files)) if (!blobs.has(text)) blobs.set(text, await git(["hash-object", "-w", "--stdin"], text));
  await git(["read-tree", "--empty"]);
  const lines = Object.entries(files).map(([path, text]) => `100644 ${blobs.get(text) ?? ""}\t${path}\n`);
  await git(["update-index", "--add", "--index-info"], lines.join(""));
  const made = await git(["write-tree"]);
  trees.set(name, made);
  return made;
}

async function keysOf(app: string, files: Record<string, string>, base = files, engine = ENGINE): Promise<AppKeys> {
  const all = await readAppKeys(mirror, { base: await tree(base), tree: await tree(files) }, engine);
  return all.find((one) => one.app === app) ?? expect.fail(`no keys of ${app}`);
}

describe("the keys of an app", () => {
  test("stay what they are when another app comes, changes or goes", async () => {
    const alone = await keysOf("blog", ONE);
    expect(await keysOf("blog", TWO)).toMatchObject({ plain: alone.plain, compared: alone.compared });
    expect((await keysOf("blog", { ...TWO, "apps/todo/src/b.ts": "export const b = 2;\n" })).plain).toBe(alone.plain);
    expect(
      (await keysOf("blog", { ...TWO, ".adorable/spec.json": spec({ blog: contract("posts"), todo: contract("tasks", "tags") }) })).plain,
    ).toBe(alone.plain);
  });

  test.each<[string, Record<string, string>, typeof ENGINE?]>([
    ["a file of its own", { "apps/blog/src/a.ts": "export const a = 2;\n" }],
    ["a migration of its own", { "apps/blog/db/migrations/20260103000000_more.sql": "alter table posts add a int;\n" }],
    ["its contract", { ".adorable/spec.json": spec({ blog: contract("posts", "tags"), todo: contract("tasks") }) }],
    ["a shared file at the root", { "tsconfig.base.json": "{}\n" }],
    ["a shared file that was there", { "README.md": "Read me again.\n" }],
    ["a shared folder at the root", { "shared/deep/colours.css": "\n" }],
    ["a file beside the apps", { "apps/tsconfig.json": "{}\n" }],
    ["a setting of the project", { ".adorable/policies.json": "{}\n" }],
    ["the database engine", {}, { engine: "embedded", postgres: 18 }],
  ])("are others when %s changes", async (_what, change, engine = ENGINE) => {
    const before = await keysOf("blog", TWO);
    const after = await keysOf("blog", { ...TWO, ...change }, undefined, engine);
    expect(after.plain).not.toBe(before.plain);
    expect(after.compared).not.toBe(before.compared);
  });

  test("belong to one app: the same files under another name are another app", async () => {
    const twin = Object.fromEntries(Object.entries(BLOG).map(([path, text]) => [path.replace("apps/blog", "apps/twin"), text]));
    const files = {
      ...TWO,
      ...twin,
      ".adorable/spec.json": spec({ blog: contract("posts"), twin: contract("posts"), todo: contract("tasks") }),
    };
    expect((await keysOf("twin", files)).plain).not.toBe((await keysOf("blog", files)).plain);
  });

  test("count the base where a gate compares with it, and only where there is something to compare", async () => {
    const changed = { ...TWO, "apps/blog/src/a.ts": "export const a = 2;\n" };
    const anew = await keysOf("blog", changed, { "README.md": "Read me.\n" });
    const same = await keysOf("blog", changed, changed);
    const upon = await keysOf("blog", changed, TWO);
    expect([anew.compared, same.compared]).toEqual([anew.plain, anew.plain]);
    expect(upon.plain).toBe(anew.plain);
    expect(upon.compared).not.toBe(upon.plain);
    expect([keyOf(upon, "types"), keyOf(upon, "browse"), keyOf(upon, "modules")]).toEqual([upon.plain, upon.plain, upon.plain]);
    expect([keyOf(upon, "tests"), keyOf(upon, "contract")]).toEqual([upon.compared, upon.compared]);
    // What says that tests were taken away says so of this base alone.
    expect(keptUnder(upon, "tests", true)).toEqual([upon.compared]);
    expect(keptUnder(upon, "tests", false)).toEqual([upon.compared, upon.plain]);
    expect(keptUnder(upon, "types", false)).toEqual([upon.plain]);
  });
});

describe("what was found on a database", () => {
  test("holds on one that got another app's migrations since, and not on one where they were changed or went", async () => {
    const [one, two] = [await keysOf("blog", ONE), await keysOf("blog", TWO)];
    const edited = await keysOf("blog", { ...TWO, "apps/todo/db/migrations/20260102000000_tasks.sql": "create table tasks (a int);\n" });
    const more = await keysOf("blog", { ...TWO, "apps/todo/db/migrations/20260104000000_more.sql": "alter table tasks add b int;\n" });
    expect(holdsBeside(besideOf(one, "tests"), besideOf(two, "tests"))).toBe(true);
    expect(holdsBeside(besideOf(two, "tests"), besideOf(more, "tests"))).toBe(true);
    for (const gate of ["contract", "tests", "browse"] as const) {
      expect(holdsBeside(besideOf(two, gate), besideOf(edited, gate))).toBe(false);
      expect(holdsBeside(besideOf(two, gate), besideOf(one, gate))).toBe(false);
    }
    for (const gate of ["types", "modules"] as const) expect(holdsBeside(besideOf(two, gate), besideOf(edited, gate))).toBe(true);
  });
});
