/** The import law as lint enforces it: snippets that break it, put where they would be wrong, and lint's answer. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** Path, what it imports. */
const REFUSED: [string, string][] = [
  ["src/core/a.ts", "../database/database.ts"],
  ["src/core/b.ts", "../process/run.ts"],
  ["src/core/c.ts", "node:fs"],
  ["src/core/d.ts", "../store/projects.ts"],
  ["src/process/a.ts", "../database/database.ts"],
  ["src/database/a.ts", "../store/holds.ts"],
  ["src/database/b.ts", "../release/release.ts"],
  ["src/database/embedded/a.ts", "../neon/client.ts"],
  ["src/database/embedded/b.ts", "../../runtime/local/local.ts"],
  ["src/database/embedded/c.ts", "../../release/release.ts"],
  ["src/runtime/local/a.ts", "../../database/embedded/engine.ts"],
  ["src/runtime/local/b.ts", "../kubernetes/client.ts"],
  ["src/runtime/local/c.ts", "pg"],
  ["src/models/blueprint/a.ts", "../../work/loop.ts"],
  ["src/secrets/file/a.ts", "../../store/secrets.ts"],
  ["src/github/a.ts", "../store/deliveries.ts"],
  ["src/github/b.ts", "../forge/forge.ts"],
  ["src/github/c.ts", "../command/mention.ts"],
  ["src/github/d.ts", "probot"],
  ["src/store/a.ts", "../github/github.ts"],
  ["src/store/b.ts", "../release/machine.ts"],
  ["src/forge/a.ts", "../github/github.ts"],
  ["src/forge/b.ts", "../database/database.ts"],
  ["src/command/a.ts", "../plan/plan.ts"],
  ["src/command/b.ts", "../forge/forge.ts"],
  ["src/plan/a.ts", "../verify/gates.ts"],
  ["src/plan/b.ts", "../store/plans.ts"],
  ["src/verify/a.ts", "../work/loop.ts"],
  ["src/work/a.ts", "../change/change.ts"],
  ["src/work/b.ts", "../github/github.ts"],
  ["src/work/c.ts", "pg"],
  ["src/change/a.ts", "../release/release.ts"],
  ["src/change/b.ts", "@octokit/rest"],
  ["src/release/a.ts", "../reconcile/sweep.ts"],
  ["src/release/b.ts", "../database/embedded/engine.ts"],
  ["src/release/c.ts", "../runtime/local/local.ts"],
  ["src/release/d.ts", "../server.ts"],
  ["src/reconcile/a.ts", "../forge/forge.ts"],
  ["src/reconcile/c.ts", "../forge.ts"],
  ["src/change/c.ts", "../config.ts"],
  ["src/change/d.ts", "../one-machine/children.ts"],
  ["src/reconcile/b.ts", "zx"],
  ["src/server.ts", "@actions/core"],
  ["src/cli.ts", "probot"],
  ["src/release/e.ts", "@kubernetes/client-node"],
  ["action/a.ts", "../src/store/plans.ts"],
  ["action/b.ts", "../src/release/release.ts"],
  ["action/c.ts", "../src/database/embedded/engine.ts"],
];

const ALLOWED: [string, string][] = [
  ["src/core/z.ts", "node:crypto"],
  ["src/core/y.ts", "./errors.ts"],
  ["src/database/z.ts", "../core/ids.ts"],
  ["src/database/embedded/z.ts", "../../process/run.ts"],
  ["src/database/embedded/y.ts", "../proxy/proxy.ts"],
  ["src/database/proxy/z.ts", "pg"],
  ["src/runtime/local/z.ts", "../../artifacts/artifacts.ts"],
  ["src/runtime/kubernetes/z.ts", "@kubernetes/client-node"],
  ["src/github/z.ts", "@octokit/rest"],
  ["src/store/z.ts", "pg"],
  ["src/store/y.ts", "../database/database.ts"],
  ["src/process/z.ts", "zx"],
  ["src/verify/z.ts", "pg"],
  ["src/verify/y.ts", "../plan/plan.ts"],
  ["src/work/z.ts", "../verify/gates.ts"],
  ["src/change/z.ts", "../github/github.ts"],
  ["src/release/z.ts", "../store/releases.ts"],
  ["src/reconcile/z.ts", "../release/release.ts"],
  ["src/server.ts", "probot"],
  ["src/forge.ts", "./forge/forge.ts"],
  ["src/one-machine/z.ts", "../forge/forge.ts"],
  ["src/change/y.ts", "../models/relay/wire.ts"],
  ["action/z.ts", "@actions/core"],
  ["action/y.ts", "../src/work/loop.ts"],
  ["test/story/z.test.ts", "../../src/forge/forge.ts"],
];

interface Diagnostic {
  code: string;
  filename: string;
}

describe("the import law", () => {
  let folder: string;
  let caught: Set<string>;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "import-law-"));
    cpSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    caught = new Set([...lint(REFUSED, "refused"), ...lint(ALLOWED, "allowed")]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The files below `<folder>/<name>` that the rule refuses. */
  function lint(files: [string, string][], name: string): string[] {
    const tree = join(folder, name);
    cpSync(join(folder, ".oxlintrc.json"), join(tree, ".oxlintrc.json"));
    for (const [path, specifier] of files) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), `import * as it from ${JSON.stringify(specifier)};\nexport const used = it;\n`);
    }
    const oxlint = join(root, "node_modules/oxlint/bin/oxlint");
    const run = spawnSync(process.execPath, [oxlint, "-A", "all", "-D", "no-restricted-imports", "--format", "json", "."], {
      cwd: tree,
      encoding: "utf8",
    });
    const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: Diagnostic[] };
    return diagnostics.filter(({ code }) => code.includes("no-restricted-imports")).map(({ filename }) => `${name}/${filename}`);
  }

  test.for(REFUSED)("%s may not import %s", ([path]) => {
    expect(caught).toContain(`refused/${path}`);
  });

  test.for(ALLOWED)("%s may import %s", ([path]) => {
    expect(caught).not.toContain(`allowed/${path}`);
  });
});
