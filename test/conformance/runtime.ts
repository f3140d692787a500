/** The rules that every runtime follows, as tests that a runtime's own test file runs against it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ArtifactStore } from "../../src/artifacts/artifacts.ts";
import type { Digest, EnvironmentId, ProjectId } from "../../src/core/ids.ts";
import type { EnvironmentSpec, Observed, Runtime } from "../../src/runtime/runtime.ts";
import { putApp, serverOf } from "../support/app-artifacts.ts";

export interface RuntimeUnderTest {
  runtime: Runtime;
  artifacts: ArtifactStore;
  /** Stops whatever serves the runtime and gives the one that follows on it. */
  restart: () => Promise<Runtime>;
  close: () => Promise<void>;
}

/** What an app says of itself. */
export const WHO = "{ pid: process.pid, uid: process.getuid(), env: process.env, count: state.count }";

export function environment(apps: Record<string, { artifact: Digest; env?: Record<string, string> }>, id = "env_a"): EnvironmentSpec {
  return {
    id: id as EnvironmentId,
    project: "prj_x" as ProjectId,
    apps: Object.entries(apps).map(([slug, { artifact, env = {} }]) => ({ slug, artifact, env })),
  };
}

/** What the app answers at its address. */
export async function ask(observed: Observed, app: string, timeoutMs = 5000): Promise<Record<string, unknown>> {
  const address = observed.apps.find(({ slug }) => slug === app)?.address;
  const response = await fetch(`http://${address?.host}:${address?.port}/`, { signal: AbortSignal.timeout(timeoutMs) });
  return (await response.json()) as Record<string, unknown>;
}

export function describeRuntime(name: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(`every runtime: ${name}`, () => {
    let under: RuntimeUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(async () => {
      await under.close();
    });

    it("runs every app of an environment with its variables and nothing of the platform's", async () => {
      process.env["RUNTIME_TEST_SECRET"] = "x";
      const artifact = await putApp(under.artifacts, serverOf(WHO));
      const spec = environment({ blog: { artifact, env: { DATABASE_URL: "postgres://x" } }, shop: { artifact } });
      const observed = await under.runtime.ensure(spec);
      delete process.env["RUNTIME_TEST_SECRET"];
      expect(observed).toMatchObject({
        id: spec.id,
        state: "running",
        apps: [
          { slug: "blog", state: "running" },
          { slug: "shop", state: "running" },
        ],
      });
      const [blog, shop] = [await ask(observed, "blog"), await ask(observed, "shop")];
      expect(blog["env"]).toMatchObject({ DATABASE_URL: "postgres://x", NODE_ENV: "production" });
      expect(shop["env"]).not.toHaveProperty("DATABASE_URL");
      expect(JSON.stringify([blog, shop])).not.toContain("RUNTIME_TEST_SECRET");
    });

    it("ensures once: a repeat changes nothing, at once or later, and another spec is refused", async () => {
      const artifact = await putApp(under.artifacts, serverOf(WHO));
      const spec = environment({ shop: { artifact } });
      const [first, second] = await Promise.all([under.runtime.ensure(spec), under.runtime.ensure(spec)]);
      const { pid } = await ask(first, "shop");
      expect(second).toEqual(first);
      expect(await under.runtime.ensure(spec)).toEqual(first);
      expect(await ask(first, "shop")).toMatchObject({ pid });
      const other = environment({ shop: { artifact, env: { A: "1" } } });
      await expect(under.runtime.ensure(other)).rejects.toMatchObject({ code: "environment-exists", remedy: "bug" });
    });

    it("lets nothing of an environment run on when one of its apps ends instead of becoming ready, and says why", async () => {
      const files = { "package.json": '{"type":"module"}', "src/server/main.ts": 'console.log("about to fail"); process.exit(3);' };
      const spec = environment({
        good: { artifact: await putApp(under.artifacts, serverOf(WHO)) },
        bad: { artifact: await putApp(under.artifacts, files) },
      });
      const message = expect.stringMatching(/ended with code 3[^]*about to fail/);
      await expect(under.runtime.ensure(spec)).rejects.toMatchObject({
        code: "app-not-ready",
        remedy: "author",
        message,
        details: { app: "bad", output: ["about to fail"] },
      });
      expect((await under.runtime.observe(spec.id)).apps).toEqual([
        { slug: "good", state: "stopped" },
        { slug: "bad", state: "stopped", reason: message },
      ]);
    });

    it("gives a frozen app no time and keeps its state", async () => {
      const spec = environment({ a: { artifact: await putApp(under.artifacts, serverOf(WHO)) } });
      const observed = await under.runtime.ensure(spec);
      const { pid } = await ask(observed, "a");
      await under.runtime.freeze(spec.id);
      expect((await under.runtime.observe(spec.id)).state).toBe("frozen");
      await expect(ask(observed, "a", 300)).rejects.toThrow(/timeout/);
      await under.runtime.thaw(spec.id);
      expect((await under.runtime.observe(spec.id)).state).toBe("running");
      expect(await ask(observed, "a")).toMatchObject({ pid });
    });

    it("keeps the newest lines of an app, in their order, without the database's password", async () => {
      const lines = 'for (let i = 0; i < 9; i += 1) console.log(`line ${i}`); console.log("at " + process.env.DATABASE_URL);';
      const artifact = await putApp(under.artifacts, serverOf("{}", lines));
      const spec = environment({ a: { artifact, env: { DATABASE_URL: "postgres://u:secretpassword@h/d" } } });
      await under.runtime.ensure(spec);
      await expect.poll(async () => (await under.runtime.logs(spec.id, 3)).map(({ line }) => line)).toEqual(["line 7", "line 8", "at •••"]);
      expect((await under.runtime.logs(spec.id, 1))[0]).toMatchObject({
        app: "a",
        stream: "stdout",
        at: expect.stringMatching(/^\d{4}-.*Z$/),
      });
    });

    it("removes an environment and all of it, twice, and knows nothing of it then", async () => {
      const spec = environment({ a: { artifact: await putApp(under.artifacts, serverOf(WHO)) } });
      const observed = await under.runtime.ensure(spec);
      await under.runtime.freeze(spec.id);
      await under.runtime.remove(spec.id);
      await under.runtime.remove(spec.id);
      await expect(ask(observed, "a")).rejects.toThrow();
      expect(await under.runtime.observe(spec.id)).toEqual({ id: spec.id, state: "absent", apps: [] });
      expect(await under.runtime.list()).toEqual([]);
    });

    it("knows its environments after a restart, and runs them again when asked", async () => {
      const spec = environment({ a: { artifact: await putApp(under.artifacts, serverOf(WHO)) } });
      await under.runtime.ensure(spec);
      const next = await under.restart();
      expect((await next.list()).map(({ id }) => id)).toEqual([spec.id]);
      expect(await ask(await next.ensure(spec), "a")).toMatchObject({ count: 1 });
    });
  });
}
