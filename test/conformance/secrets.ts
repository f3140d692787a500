/** The rules that every secret store follows, as tests that a store's own test file runs against it. */
import { describe, expect, it } from "vitest";
import type { SecretStore } from "../../src/secrets/secrets.ts";

/** `open` gives the same, at first empty, store at each call within a test. */
export function describeSecretStore(name: string, open: () => Promise<SecretStore>): void {
  describe(`every secret store: ${name}`, () => {
    it("keeps the last value over a restart", async () => {
      const store = await open();
      await store.write("prj_a/app-key", "first");
      await store.write("prj_a/app-key", "pässword\n");
      expect(await (await open()).read("prj_a/app-key")).toBe("pässword\n");
    });

    it("lists and destroys by path, within one project", async () => {
      const store = await open();
      for (const path of ["prj_a/x", "prj_a/y", "prj_ab/z"]) await store.write(path, "v");
      expect(await store.list("prj_a")).toEqual(["prj_a/x", "prj_a/y"]);
      await store.destroy("prj_a/x");
      await store.destroy("prj_a/x");
      expect(await store.list("prj_a")).toEqual(["prj_a/y"]);
      await expect(store.read("prj_a/x")).rejects.toMatchObject({ code: "secret-unknown", remedy: "operator" });
    });

    it("never says a value in an error", async () => {
      const store = await open();
      await store.write("prj_a/x", "geheim");
      for (const path of ["prj_a", "/prj_a/x", "prj_a/../prj_a/x", "prj_a/nothing"]) {
        await expect(store.read(path), path).rejects.toMatchObject({ message: expect.not.stringContaining("geheim") });
      }
    });
  });
}
