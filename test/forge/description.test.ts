/** The forge is held against GitHub's description, everywhere, and the description covers all of it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openGitHubApi } from "../support/github-api.ts";

const TESTS = join(import.meta.dirname, "..");

describe("GitHub's description", () => {
  it("is trimmed from a stated version of a stated package, in small files", () => {
    const folder = join(TESTS, "github-api");
    for (const file of readdirSync(folder)) {
      const text = readFileSync(join(folder, file), "utf8");
      expect(text.length, file).toBeLessThan(131_072);
      expect(JSON.parse(text).source).toEqual({
        package: "@octokit/openapi",
        version: "23.0.2",
        file: "generated/api.github.com.json",
        license: "MIT",
      });
    }
  });

  it("is held against every forge that a test starts", () => {
    const files = readdirSync(TESTS, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    const starting = files.filter((name) => {
      const text = readFileSync(join(TESTS, name), "utf8");
      return /\b(createForge|startOneMachine)\(|URL\("[^"]*src\/forge\.ts"|\[CLI, "demo"/.test(text);
    });
    expect(starting.length).toBeGreaterThan(4);
    const blind = starting.filter((name) => !/\b(openGitHubApi|assertForgeIsTrue)\(/.test(readFileSync(join(TESTS, name), "utf8")));
    expect(blind).toEqual([]);
  });
});

describe("what differs from it", () => {
  const headers = new Headers({
    "content-type": "application/json; charset=utf-8",
    "x-github-request-id": "1",
    "x-github-media-type": "github.v3",
    "x-ratelimit-limit": "1",
    "x-ratelimit-remaining": "1",
    "x-ratelimit-reset": "1",
  });
  const answer = (method: string, route: string, status: number, body: unknown, sent = "") => {
    const api = openGitHubApi();
    api.observer.answered({ method, route, path: route, sent, status, headers, body: body === "" ? "" : JSON.stringify(body) });
    return api;
  };
  const error = { message: "No", documentation_url: "https://docs.github.com/rest", status: "404" };

  it.each([
    ["a field that is missing", "GET", "/repos/:owner/:repo/labels/:name", 200, { id: 1 }, "required property"],
    ["a field of another type", "GET", "/rate_limit", 200, { resources: {}, rate: "all" }, "must be"],
    ["a status", "GET", "/repos/:owner/:repo/labels/:name", 201, {}, "no such status"],
    ["a route", "GET", "/repos/:owner/:repo/moods", 200, {}, "no such operation"],
    ["a body where there is none", "DELETE", "/repos/:owner/:repo/releases/:id", 204, { gone: true }, "has a body"],
    ["an error without GitHub's words", "GET", "/repos/:owner/:repo", 404, { error: "no" }, "message"],
    ["a failure of the forge's own", "GET", "/graphql", 500, error, "500"],
  ])("is told: %s", (_, method, route, status, body, reason) => {
    const api = answer(method, route, status, body);
    expect(api.mismatches).toEqual([expect.stringContaining(reason)]);
    expect(() => api.assertTrue()).toThrow("Not as GitHub describes it");
  });

  it.each([
    ["a field that is missing", '{"body":"No title."}', "required property"],
    ["a field of another type", '{"title":"Yes","labels":"bug"}', "must be"],
    ["a field that there is not", '{"title":"Yes","mood":"good"}', '"mood"'],
    ["no JSON", "title=Yes", "no JSON"],
  ])("is told of what was sent, where it was taken: %s", (_, sent, reason) => {
    const route = "/repos/:owner/:repo/issues";
    expect(answer("POST", route, 201, {}, sent).mismatches).toContainEqual(expect.stringMatching(`request: .*${reason}`));
    const refused = { ...error, message: "Invalid request.", status: "422" };
    expect(answer("POST", route, 422, refused, sent).mismatches).toEqual([]);
  });

  it("is told of webhooks too: an unknown action, a missing field", () => {
    const api = openGitHubApi();
    api.observer.told({ event: "issues", action: "admired", payload: "{}" });
    api.observer.told({ event: "issues", action: "opened", payload: '{"action":"opened"}' });
    expect(api.mismatches).toEqual([
      expect.stringContaining("issues.admired: GitHub describes no such event"),
      expect.stringContaining("issues.opened: / must have required property"),
    ]);
  });

  it("is not taken for silence: a forge of which nothing was heard is refused", () => {
    expect(() => openGitHubApi().assertTrue()).toThrow("Nothing was held against");
    expect(() => answer("GET", "/_forge/health", 200, { ok: true }).assertTrue()).toThrow("Nothing was held against");
    expect(answer("GET", "/repos/:owner/:repo", 404, error).mismatches).toEqual([]);
  });
});
