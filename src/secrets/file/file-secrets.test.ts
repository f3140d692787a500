import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFileSecrets } from "./file-secrets.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "secrets-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe("createFileSecrets", () => {
  it("keeps values over a restart, encrypted, for its own user only", async () => {
    const store = await createFileSecrets({ dir });
    await store.write("prj_a/app-key", "first");
    await store.write("prj_a/app-key", "pässword");
    const again = await createFileSecrets({ dir });
    expect(await again.read("prj_a/app-key")).toBe("pässword");
    for (const path of ["key", "values/prj_a/app-key"]) expect((await stat(join(dir, path))).mode & 0o777).toBe(0o600);
    expect((await readFile(join(dir, "values/prj_a/app-key"))).includes("pässword")).toBe(false);
    expect((await readdir(dir)).toSorted()).toEqual(["key", "values"]);
  });

  it("lists and destroys by path, within one project", async () => {
    const store = await createFileSecrets({ dir });
    for (const path of ["prj_a/x", "prj_a/y", "prj_ab/z"]) await store.write(path, "v");
    expect(await store.list("prj_a")).toEqual(["prj_a/x", "prj_a/y"]);
    await store.destroy("prj_a/x");
    await store.destroy("prj_a/x");
    await expect(store.read("prj_a/x")).rejects.toMatchObject({ code: "secret-unknown", remedy: "operator" });
  });

  it("opens no file that was changed or moved to another name, and leaves its folder for no path", async () => {
    const store = await createFileSecrets({ dir });
    await store.write("prj_a/x", "v");
    await store.write("prj_a/y", "w");
    await copyFile(join(dir, "values/prj_a/y"), join(dir, "values/prj_a/x"));
    await expect(store.read("prj_a/x")).rejects.toMatchObject({ code: "secret-corrupt" });
    await writeFile(join(dir, "values/prj_a/y"), "short");
    await expect(store.read("prj_a/y")).rejects.toMatchObject({ code: "secret-corrupt" });
    await expect(store.read("prj_a/../../key")).rejects.toMatchObject({ code: "secret-path-invalid" });
  });

  it("has one key when two processes start together", async () => {
    const [a, b] = await Promise.all([createFileSecrets({ dir }), createFileSecrets({ dir })]);
    await a.write("prj_a/x", "v");
    expect(await b.read("prj_a/x")).toBe("v");
  });
});
