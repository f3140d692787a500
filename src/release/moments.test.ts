import { describe, expect, test } from "vitest";
import { parseMoment } from "./moments.ts";

describe("a moment as people write it", () => {
  test.each([
    ["now", { kind: "now" }],
    ["release:12", { kind: "release", number: 12 }],
    ["#3", { kind: "release", number: 3 }],
    ["checkpoint:roll_abc", { kind: "checkpoint", id: "roll_abc" }],
    ["0/16B3748", { kind: "lsn", lsn: "0/16B3748" }],
    ["tml_abc@0/16b3748", { kind: "lsn", lsn: "0/16b3748", timeline: "tml_abc" }],
    ["2026-11-21T14:30:05Z", { kind: "time", at: new Date("2026-11-21T14:30:05Z") }],
    ["2026-11-21 14:30+02:00", { kind: "time", at: new Date("2026-11-21T14:30:00+02:00") }],
    ["2026-11-21", { kind: "time", at: new Date(2026, 10, 21) }],
    ["2026-11-21T14:30", { kind: "time", at: new Date(2026, 10, 21, 14, 30) }],
  ])("%s", (text, moment) => {
    expect(parseMoment(text)).toEqual(moment);
  });

  test("an hour alone is today's", () => {
    expect(parseMoment("9:05", new Date(2026, 1, 3, 12))).toEqual({ kind: "time", at: new Date(2026, 1, 3, 9, 5) });
  });

  test.each(["", "yesterday", "release:", "release:-1", "24:00", "2026-13-01", "2026-11-21T", "0/", "x@y", "@0/1; drop", "checkpoint:a b"])(
    "%j is none",
    (text) => {
      expect(() => parseMoment(text)).toThrow(expect.objectContaining({ code: "moment-unreadable", remedy: "operator" }));
    },
  );
});
