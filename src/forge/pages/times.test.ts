import { expect, test } from "vitest";
import { ago, time, took } from "./times.ts";

const NOW = Date.parse("2026-03-10T12:00:00Z");

test.each([
  ["2026-03-10T12:00:30Z", "just now"],
  ["2026-03-10T11:59:30Z", "just now"],
  ["2026-03-10T11:59:00Z", "1 minute ago"],
  ["2026-03-10T11:15:00Z", "45 minutes ago"],
  ["2026-03-10T09:00:00Z", "3 hours ago"],
  ["2026-03-09T11:00:00Z", "yesterday"],
  ["2026-03-01T12:00:00Z", "9 days ago"],
  ["2025-12-24T12:00:00Z", "24 Dec 2025"],
])("%s is %s", (at, said) => {
  expect(ago(at, NOW)).toBe(said);
});

test("the exact moment is in the title", async () => {
  expect(String(await time("2026-01-02T03:04:05Z"))).toContain('title="2 January 2026 at 03:04:05 UTC"');
});

test("what has not begun took nothing, and what has not ended is counted so far", () => {
  expect(took(null, null, NOW)).toBe("");
  expect(took("2026-03-10T11:58:55Z", null, NOW)).toBe("1 min 5 s");
  expect(took("2026-03-10T09:58:00Z", "2026-03-10T12:00:00Z", NOW)).toBe("2 h 2 min");
});
