import { describe, expect, test } from "vitest";
import { refuseRemoteGitHub, requireIsolation } from "./trust.ts";

const built = { architect: "blueprint", producer: "blueprint", analyst: "blueprint" };
const real = { ...built, producer: "anthropic/claude" };
const github = { apiUrl: "https://api.github.com", appId: 1, privateKeyFile: "/x", webhookSecret: "x".repeat(20) };
const none = { isolation: "none", note: "bubblewrap is not installed, and only root may use other users" } as const;

describe("without isolation", () => {
  test.each([
    ["a real model", { models: real, trustCode: false }, 'the model "anthropic/claude"'],
    ["a remote GitHub", { models: built, github, trustCode: false }, 'a remote GitHub ("https://api.github.com")'],
    ["both", { models: real, github, trustCode: false }, " and a remote GitHub"],
  ])("%s is refused, with what is missing and what to do", (_what, config, names) => {
    expect(() => requireIsolation(config, none)).toThrow(
      expect.objectContaining({
        code: "isolation-missing",
        remedy: "operator",
        message: expect.stringMatching(/bubblewrap is not installed/),
        hint: expect.stringMatching(/apt install bubblewrap.*root.*--trust-code.*ADORABLE_TRUST_CODE/),
      }),
    );
    expect(() => requireIsolation(config, none)).toThrow(names);
  });

  test("they go on where the operator trusts the code, and the built-in model goes on anyway; both say how it stands", () => {
    expect(requireIsolation({ models: real, github, trustCode: true }, none)).toMatch(/isolation: none .*You said that you trust it/);
    expect(requireIsolation({ models: built, trustCode: false }, none)).toMatch(/isolation: none .*built-in model/);
  });
});

test.each(["uid", "bubblewrap"] as const)("with %s nothing is refused", (isolation) => {
  expect(requireIsolation({ models: real, github, trustCode: false }, { isolation, note: "x" })).toContain(`isolation: ${isolation}`);
});

test("a remote GitHub, which this version cannot speak to from the command line, is refused rather than replaced", () => {
  expect(() => refuseRemoteGitHub({ github })).toThrow(expect.objectContaining({ code: "remote-github-missing" }));
  expect(() => refuseRemoteGitHub({})).not.toThrow();
});
