import { expect, test } from "vitest";
import type { Evidence } from "../core/evidence.ts";
import { evidenceSchema } from "../core/evidence.ts";
import type { CommitId } from "../core/ids.ts";
import { composeEvidence, couldNotRun, type EvidencePart } from "./compose-evidence.ts";

const COMMIT = "abcdef0123456789abcdef0123456789abcdef01" as CommitId;
const found = (app: string, changes: Partial<Evidence> = {}): Evidence => ({
  gate: "types",
  app,
  conclusion: "success",
  title: "3 files compiled",
  summary: `### apps/${app}`,
  annotations: [],
  files: [],
  durationMs: 500,
  ...changes,
});
const part = (app: string, changes: Partial<Evidence> = {}): EvidencePart => ({ app, evidence: found(app, changes) });
const reused = { commit: COMMIT, at: new Date("2026-03-04T05:06:07Z") };
const compose = (...parts: EvidencePart[]) => evidenceSchema.parse(composeEvidence("types", parts, "http://forge/ada/shop"));

test("one app's evidence is the tree's own", () => {
  const { app, ...rest } = found("blog");
  expect(compose(part("blog"))).toEqual(rest);
  expect(app).toBe("blog");
});

test("of several apps each is named, and what was found before says where and when", () => {
  const evidence = compose({ ...part("blog", { durationMs: 9000 }), reused }, part("todo"));
  expect(evidence).toMatchObject({
    conclusion: "success",
    title: "blog: 3 files compiled (reused from abcdef0); todo: 3 files compiled",
    durationMs: 500,
  });
  expect(evidence.summary).toContain(`reused from [abcdef0](http://forge/ada/shop/commit/${COMMIT}), found 2026-03-04 05:06 UTC`);
});

test("one red app makes the tree red, stands first in the title, and keeps its room in the summary", () => {
  const long = "x".repeat(60_000);
  const evidence = compose(part("blog", { summary: long }), part("todo", { conclusion: "timed_out", title: "did not end", summary: long }));
  expect(evidence.conclusion).toBe("timed_out");
  expect(evidence.title).toMatch(/^todo: did not end; blog: /);
  expect(evidence.summary.length).toBeLessThanOrEqual(60_000);
  expect(evidence.summary.split("\n\n").map((text) => text.length > 29_000)).toEqual([true, true]);
});

test("an app of which nothing was said could not be judged, which is red", () => {
  const evidence = compose(part("blog"), { app: "todo", evidence: couldNotRun("types", "The runner said nothing of it.") });
  expect(evidence).toMatchObject({ conclusion: "failure", title: "todo: Could not run; blog: 3 files compiled" });
});
