/** `docs/errors.md` lists every code that the platform states; after a change `npm test -- -u test/docs` writes it anew. */
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const TURN: Record<string, string> = {
  author: "the person who asked",
  operator: "whoever runs the platform",
  wait: "nobody: it is tried again",
  bug: "us",
};

test("docs/errors.md lists every error code of the code", async () => {
  const errors = new Map<string, { remedies: Set<string>; files: Set<string> }>();
  for await (const path of glob("{src,action}/**/*.ts", { cwd: ROOT, exclude: (name) => name.endsWith(".test.ts") })) {
    const text = await readFile(join(ROOT, path), "utf8");
    for (const match of text.matchAll(/code: "([a-z][a-z0-9-]*[a-z0-9])",\s*remedy: "(author|operator|wait|bug)"/g)) {
      const [, code = "", remedy = ""] = match;
      const known = errors.get(code) ?? { remedies: new Set(), files: new Set() };
      known.remedies.add(remedy);
      known.files.add(path);
      errors.set(code, known);
    }
  }
  const rows = [...errors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { remedies, files }]) => {
      const turns = [...remedies].sort().map((remedy) => TURN[remedy]);
      return `| \`${code}\` | ${turns.join("; ")} | ${[...files]
        .sort()
        .map((file) => `\`${file}\``)
        .join(", ")} |`;
    });
  const page = [
    "# Errors",
    "",
    "Every error that the platform states on purpose has a stable code, a message with the value in quotes, and a hint. This page is made from the code by a test.",
    "",
    "| code | whose turn it is | where |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");

  expect(rows.length).toBeGreaterThan(50);
  await expect(page).toMatchFileSnapshot("../../docs/errors.md");
});
