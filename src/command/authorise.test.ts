import { describe, expect, test } from "vitest";
import { PERMISSIONS } from "../github/github.ts";
import { authorise } from "./authorise.ts";
import { breakLoop, LIMITS } from "./loop-breaker.ts";

const ada = { login: "ada", id: 7, type: "User" };
const bot = { login: "renovate[bot]", id: 8, type: "Bot" };

describe("a command is allowed", () => {
  test.for(["write", "maintain", "admin"] as const)("to a user who may %s", (permission) => {
    expect(authorise({ sender: ada, permission, allowedBots: [] })).toEqual({ allowed: true });
  });

  test("to a listed bot, by its whole name in any case", () => {
    expect(authorise({ sender: bot, permission: "none", allowedBots: ["Renovate[bot]"] })).toEqual({ allowed: true });
  });
});

describe("a command is refused", () => {
  test.for(["none", "read", "triage"] as const)("to a user who may %s", (permission) => {
    expect(authorise({ sender: ada, permission, allowedBots: [] })).toEqual({ allowed: false, reason: "reader" });
  });

  test("when the permission could not be read", () => {
    expect(authorise({ sender: ada, permission: undefined, allowedBots: [] })).toEqual({ allowed: false, reason: "permission-unknown" });
  });

  test("to a bot that is not listed, whatever it may do", () => {
    for (const permission of PERMISSIONS) {
      expect(authorise({ sender: bot, permission, allowedBots: ["renovate"] })).toEqual({ allowed: false, reason: "bot" });
    }
  });

  test.for(["Organization", "Mannequin", "Ghost", "", "user"])("to a sender of the type %j, listed or not", (type) => {
    expect(authorise({ sender: { ...ada, type }, permission: "admin", allowedBots: ["ada"] })).toEqual({
      allowed: false,
      reason: "no-user",
    });
  });

  test("to a writer where more is required", () => {
    expect(authorise({ sender: ada, permission: "write", allowedBots: [], required: "admin" })).toEqual({
      allowed: false,
      reason: "reader",
    });
  });
});

describe("the loop breaker", () => {
  const none = { botCommands: 0, senderCommands: 0, senderRefusals: 0, commands: 0 };

  test("lets ordinary talk pass", () => {
    expect(breakLoop({ ...none, senderCommands: 3, commands: 9 }, false)).toEqual({ kind: "go" });
  });

  test.for(["senderCommands", "senderRefusals", "commands"] as const)("states the limit of %s once, then is silent", (limit) => {
    expect(breakLoop({ ...none, [limit]: LIMITS[limit] - 1 }, false)).toEqual({ kind: "go" });
    expect(breakLoop({ ...none, [limit]: LIMITS[limit] }, false)).toEqual({ kind: "refuse", limit });
    expect(breakLoop({ ...none, [limit]: LIMITS[limit] + 1 }, false)).toEqual({ kind: "silent", limit });
  });

  test("counts bots together, so that two of them cannot take turns", () => {
    expect(breakLoop({ ...none, botCommands: LIMITS.botCommands }, true)).toEqual({ kind: "refuse", limit: "botCommands" });
  });

  test("does not hold a person to what bots did", () => {
    expect(breakLoop({ ...none, botCommands: 50 }, false)).toEqual({ kind: "go" });
  });
});
