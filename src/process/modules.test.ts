import { access, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkDependencies, linkModules, prepareModules } from "./modules.ts";

const platformRoot = resolve(import.meta.dirname, "../..");
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "modules-test-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** A platform with these packages installed: lock path → package. */
async function writePlatform(root: string, app: Record<string, string>, packages: Record<string, Record<string, unknown>>): Promise<void> {
  const lock = { packages: { "templates/app": { dependencies: app }, ...packages } };
  await write(join(root, "package-lock.json"), JSON.stringify(lock));
  await write(join(root, "templates/app/package.json"), JSON.stringify({ dependencies: app }));
  for (const [path, entry] of Object.entries(packages)) {
    if (entry["installed"] === false) continue;
    await write(
      join(root, path, "package.json"),
      JSON.stringify({ name: path.split("node_modules/").at(-1), version: entry["version"], main: "index.js" }),
    );
    await write(join(root, path, "index.js"), `module.exports = ${JSON.stringify(`${path}@${String(entry["version"])}`)};\n`);
  }
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

describe("the store of modules", () => {
  test("holds what the real template declares, with what that needs, and is reused", async () => {
    const first = await prepareModules({ platformRoot, storeDir: home });
    const inode = (await stat(join(first.dir, "react/package.json"))).ino;
    const template = JSON.parse(await readFile(join(platformRoot, "templates/app/package.json"), "utf8")) as Record<
      string,
      Record<string, string>
    >;
    for (const name of Object.keys({ ...template["dependencies"], ...template["devDependencies"] }))
      await access(join(first.dir, name, "package.json"));
    await access(join(first.dir, ".bin/vite"));
    await expect(access(join(first.dir, "probot"))).rejects.toThrow("ENOENT");

    const second = await prepareModules({ platformRoot, storeDir: home });
    expect(second).toEqual(first);
    expect((await stat(join(second.dir, "react/package.json"))).ino).toBe(inode);
    expect(await readdir(home)).toEqual([first.lockHash]);
  });

  test("is made once when several ask at the same time", async () => {
    const root = join(home, "platform");
    await writePlatform(root, { a: "1.0.0" }, { "node_modules/a": { version: "1.0.0" } });
    const storeDir = join(home, "store");
    const all = await Promise.all(Array.from({ length: 4 }, () => prepareModules({ platformRoot: root, storeDir })));
    expect(new Set(all.map(({ dir }) => dir)).size).toBe(1);
    expect(await readdir(storeDir)).toHaveLength(1);
  });

  test("resolves nested versions as npm placed them", async () => {
    const root = join(home, "platform");
    await writePlatform(
      root,
      { a: "1.0.0", b: "1.0.0" },
      {
        "node_modules/a": { version: "1.0.0", dependencies: { c: "1.0.0" } },
        "node_modules/b": { version: "1.0.0", dependencies: { c: "2.0.0" } },
        "node_modules/b/node_modules/c": { version: "2.0.0" },
        "node_modules/c": { version: "1.0.0" },
        "node_modules/unrelated": { version: "1.0.0" },
      },
    );
    const { dir } = await prepareModules({ platformRoot: root, storeDir: join(home, "store") });
    const load = (from: string) => createRequire(join(dir, from, "index.js"))("c") as string;
    expect([load("a"), load("b")]).toEqual(["node_modules/c@1.0.0", "node_modules/b/node_modules/c@2.0.0"]);
    expect((await readdir(dir)).toSorted()).toEqual([".bin", "a", "b", "c"]);
  });

  test("leaves out optional packages of other systems, and refuses a platform that lacks a needed one", async () => {
    const root = join(home, "platform");
    const other = { "node_modules/other-os": { version: "1.0.0", optional: true, installed: false } };
    await writePlatform(
      root,
      { a: "1.0.0" },
      { "node_modules/a": { version: "1.0.0", optionalDependencies: { "other-os": "1.0.0" } }, ...other },
    );
    const { dir } = await prepareModules({ platformRoot: root, storeDir: join(home, "store") });
    expect((await readdir(dir)).toSorted()).toEqual([".bin", "a"]);

    await writePlatform(root, { a: "1.0.0" }, { "node_modules/a": { version: "1.0.0", dependencies: { needed: "1.0.0" } } });
    await expect(prepareModules({ platformRoot: root, storeDir: join(home, "store") })).rejects.toMatchObject({
      code: "modules-not-installed",
    });
  });

  test("is made again when a package is missing from it", async () => {
    const root = join(home, "platform");
    await writePlatform(root, { a: "1.0.0" }, { "node_modules/a": { version: "1.0.0" } });
    const storeDir = join(home, "store");
    const { dir } = await prepareModules({ platformRoot: root, storeDir });
    await rm(join(dir, "a"), { recursive: true });
    await prepareModules({ platformRoot: root, storeDir });
    await access(join(dir, "a/index.js"));
    expect(await readdir(storeDir)).toHaveLength(1);
  });
});

describe("an app's dependencies", () => {
  test("are those of the template or fewer; others are named", async () => {
    const root = join(home, "platform");
    await writePlatform(root, { a: "1.0.0", b: "1.0.0" }, {});
    const appDir = join(home, "app");
    const declare = (manifest: object) => write(join(appDir, "package.json"), JSON.stringify(manifest));
    await declare({ dependencies: { a: "1.0.0" } });
    await checkDependencies({ platformRoot: root, appDir });
    for (const field of ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]) {
      await declare({ [field]: { evil: "1.0.0" } });
      await expect(checkDependencies({ platformRoot: root, appDir })).rejects.toMatchObject({
        code: "dependency-not-available",
        remedy: "author",
        details: { name: "evil" },
      });
    }
    await declare({ dependencies: { a: "^1.0.0" } });
    await expect(checkDependencies({ platformRoot: root, appDir })).rejects.toMatchObject({
      code: "dependency-not-available",
      details: { name: "a" },
    });
  });

  test("are linked to the store, again when the store has moved", async () => {
    const appDir = join(home, "app");
    await mkdir(appDir);
    for (const store of ["one", "two"]) {
      await mkdir(join(home, store, "a"), { recursive: true });
      await linkModules(appDir, join(home, store));
    }
    await rm(join(home, "one"), { recursive: true });
    await access(join(appDir, "node_modules/a"));
  });
});
