import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createKubernetesRuntime } from "./kubernetes.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "kube-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

describe("createKubernetesRuntime", () => {
  it("names the cluster that it found and the runtime to choose instead", async () => {
    const path = join(dir, "config");
    await writeFile(
      path,
      JSON.stringify({
        "current-context": "team",
        contexts: [{ name: "team", context: { cluster: "staging", user: "me" } }],
        clusters: [{ name: "staging", cluster: { server: "https://127.0.0.1:6443" } }],
        users: [{ name: "me", user: {} }],
      }),
    );
    vi.stubEnv("KUBECONFIG", path);
    const failure = createKubernetesRuntime();
    await expect(failure).rejects.toMatchObject({
      code: "kubernetes-not-available",
      remedy: "operator",
      message: expect.stringContaining('cluster "staging"'),
      hint: expect.stringContaining('"local"'),
    });
  });

  it("takes no made-up cluster for a configured one", async () => {
    vi.stubEnv("KUBECONFIG", undefined);
    vi.stubEnv("HOME", dir);
    await expect(createKubernetesRuntime()).rejects.toMatchObject({ code: "kubernetes-not-configured", remedy: "operator" });
  });
});
