/** `docs/errors.md` lists every code that the platform states; after a change `npm test -- test/docs --update` writes it anew. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { statedErrors } from "./error-codes.ts";

const ROOT = join(import.meta.dirname, "../..");
const TURN: Record<string, string> = {
  author: "the person who asked",
  operator: "whoever runs the platform",
  wait: "nobody: it is tried again",
  bug: "us",
};

/** Errors that are passed on: whoever stated them first is listed. */
const PASSED_ON = [
  "src/change/runner-api/snapshots.ts: code",
  "src/change/work.ts: result.code",
  "src/cli.ts: code",
  "src/core/errors.ts: code",
];

test("docs/errors.md lists every error code of the code", async () => {
  const { errors, unread } = await statedErrors(ROOT);
  const rows = [...errors.values()]
    .sort((a, b) => (a.code < b.code ? -1 : 1))
    .map(({ code, remedies, hints, files }) => {
      const turns = [...remedies].sort().map((remedy) => TURN[remedy]);
      const places = [...files].sort().map((file) => `\`${file}\``);
      const advice = [...hints].sort().map((hint) => hint.replaceAll("|", "\\|").replaceAll("<", "&lt;"));
      return `| \`${code}\` | ${turns.join("; ")} | ${advice.join(" · ")} | ${places.join(", ")} |`;
    });
  const page = [
    "# Errors",
    "",
    "Every error that the platform states on purpose has a stable code, a message with the value in quotes, and mostly a hint. This page is made from the code by a test;",
    "`…` stands for what is filled in.",
    "",
    "| code | whose turn it is | what to do | where |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");

  expect(unread, "codes that stand nowhere as text").toEqual(PASSED_ON);
  expect([...errors.keys()].filter((code) => !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(code))).toEqual([]);
  expect(rows.length).toBeGreaterThan(50);
  await expect(page).toMatchFileSnapshot("../../docs/errors.md");
});
