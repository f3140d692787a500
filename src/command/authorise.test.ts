import { describe, expect, test } from "vitest";
import { PERMISSIONS } from "../github/github.ts";
import { authorise } from "./authorise.ts";
import { breakLoop, REQUESTS_PER_HOUR } from "./loop-breaker.ts";

const ada = { login: "ada", senderType: "User" };
const bot = { login: "renovate[bot]", senderType: "Bot" };

describe("a command is allowed", () => {
  test.for(["write", "maintain", "admin"] as const)("to a user who may %s", (permission) => {
    expect(authorise({ ...ada, permission, allowedBots: [] })).toEqual({ allowed: true });
  });

  test("to a listed bot, by its whole name in any case", () => {
    expect(authorise({ ...bot, permission: "none", allowedBots: ["Renovate[bot]"] })).toEqual({ allowed: true });
  });
});

describe("a command is refused", () => {
  test.for(["none", "read", "triage"] as const)("to a user who may %s", (permission) => {
    expect(authorise({ ...ada, permission, allowedBots: [] })).toMatchObject({ allowed: false, code: "reader" });
  });

  test("when the permission could not be read", () => {
    expect(authorise({ ...ada, permission: undefined, allowedBots: [] })).toMatchObject({ allowed: false, code: "permission-unknown" });
  });

  test("to a bot that is not listed, whatever it may do", () => {
    for (const permission of PERMISSIONS) {
      expect(authorise({ ...bot, permission, allowedBots: ["renovate"] })).toMatchObject({ allowed: false, code: "bot" });
    }
  });

  test.for(["Organization", "Mannequin", "Ghost", "", "user"])("to a sender of the type %j, listed or not", (senderType) => {
    const verdict = authorise({ login: "ada", senderType, permission: "admin", allowedBots: ["ada"] });

    expect(verdict).toMatchObject({ allowed: false, code: "no-user" });
  });

  test("to a writer where more is required, and says what", () => {
    const verdict = authorise({ ...ada, permission: "write", allowedBots: [], required: "admin" });

    expect(verdict).toMatchObject({ reason: 'ada has the permission "write" on this repository; "admin" or more is needed.' });
  });
});

describe("the loop breaker", () => {
  test("lets ordinary talk pass, states its limit once, and is silent after", () => {
    const verdicts = [0, REQUESTS_PER_HOUR - 1, REQUESTS_PER_HOUR, REQUESTS_PER_HOUR + 1, 1000].map(breakLoop);

    expect(verdicts).toEqual(["go", "go", "refuse", "silent", "silent"]);
  });
});
