/** The secret store in a folder: the rules of every store, and its own about files and keys. */
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFileSecrets } from "../../src/secrets/file/file-secrets.ts";
import { describeSecretStore } from "./secrets.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "secrets-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

describeSecretStore("file", async () => await createFileSecrets({ dir }));

it("keeps values encrypted, for its own user only", async () => {
  const store = await createFileSecrets({ dir });
  await store.write("prj_a/app-key", "password");
  for (const path of ["key", "values/prj_a/app-key"]) expect((await stat(join(dir, path))).mode & 0o777).toBe(0o600);
  expect((await readFile(join(dir, "values/prj_a/app-key"))).includes("password")).toBe(false);
  expect((await readdir(dir)).toSorted()).toEqual(["key", "values"]);
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

it("has one key when two processes start together, and takes no broken one", async () => {
  const [a, b] = await Promise.all([createFileSecrets({ dir }), createFileSecrets({ dir })]);
  await a.write("prj_a/x", "v");
  expect(await b.read("prj_a/x")).toBe("v");
  await writeFile(join(dir, "key"), "broken");
  await expect(createFileSecrets({ dir })).rejects.toMatchObject({ code: "secret-key-invalid", remedy: "operator" });
});
