/** What GitHub's refusals become, over real HTTP. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createGitHub } from "../../src/github/create-github.ts";
import { type Answer, type Asked, startAnsweringServer } from "../support/answering-server.ts";

const privateKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs1", format: "pem" }).toString();
const NOW = Date.parse("2026-01-01T00:00:00Z");

/** Answers the App's own calls; `answer` is asked for the others. */
function serve(answer: (asked: Asked, count: number) => Answer | undefined) {
  let count = 0;
  let token = 0;
  return startAnsweringServer((asked) => {
    if (asked.path.endsWith("/installation")) return { status: 200, body: { id: 3 } };
    if (asked.path.endsWith("/access_tokens")) {
      token += 1;
      return { status: 201, body: { token: `ghs_${token}`, expires_at: new Date(NOW + 3_600_000).toISOString() } };
    }
    count += 1;
    return answer(asked, count);
  });
}

function connect(url: string) {
  return createGitHub({ baseUrl: url, appId: 42, privateKey, timeoutMs: 300, clock: { now: () => new Date(NOW) } });
}

describe("a refusal becomes an error that says whose turn it is", () => {
  test.for<[string, Answer | undefined, object]>([
    [
      "rights",
      { status: 403, body: { message: "Resource not accessible by integration" } },
      { code: "github-forbidden", remedy: "operator" },
    ],
    ["nothing there", { status: 404, body: { message: "Not Found" } }, { code: "github-not-found", remedy: "operator" }],
    ["our mistake", { status: 422, body: { message: "Validation Failed" } }, { code: "github-refused", remedy: "bug" }],
    ["GitHub is down", { status: 502, body: { message: "Bad gateway" } }, { code: "github-unreachable", remedy: "wait" }],
    ["GitHub does not answer", undefined, { code: "github-unreachable", remedy: "wait" }],
    [
      "the hour is used up",
      {
        status: 403,
        body: { message: "API rate limit exceeded" },
        headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(NOW / 1000 + 90) },
      },
      { code: "github-rate-limited", remedy: "wait", details: { retryAfterMs: 90_000 } },
    ],
    [
      "too fast",
      { status: 403, body: { message: "You have exceeded a secondary rate limit" }, headers: { "retry-after": "30" } },
      { code: "github-rate-limited", remedy: "wait", details: { retryAfterMs: 30_000 } },
    ],
    [
      "too many",
      { status: 429, body: { message: "Too many requests" } },
      { code: "github-rate-limited", remedy: "wait", details: { retryAfterMs: 60_000 } },
    ],
  ])("%s", async ([, answer, expected]) => {
    await using server = await serve(() => answer);
    const repository = await connect(server.url).forInstallation("ada/shop");

    await expect(repository.permission("ada")).rejects.toMatchObject(expected);
  });

  test("no server at all", async () => {
    const server = await serve(() => undefined);
    await server[Symbol.asyncDispose]();

    await expect(connect(server.url).forInstallation("ada/shop")).rejects.toMatchObject({ code: "github-unreachable", remedy: "wait" });
  });

  test("a repository without the App", async () => {
    await using server = await startAnsweringServer(() => ({ status: 404, body: { message: "Not Found" } }));

    await expect(connect(server.url).forInstallation("ada/shop")).rejects.toMatchObject({ code: "not-installed", remedy: "operator" });
  });

  test("a permission of a name that nobody knows", async () => {
    await using server = await serve(() => ({ status: 200, body: { permission: "overlord", role_name: "overlord", user: null } }));
    const repository = await connect(server.url).forInstallation("ada/shop");

    await expect(repository.permission("ada")).rejects.toMatchObject({ code: "permission-unknown" });
  });
});

test("a token that GitHub no longer takes is renewed once, and only once", async () => {
  await using server = await serve(({ authorization }) =>
    authorization === "token ghs_1"
      ? { status: 401, body: { message: "Bad credentials" } }
      : { status: 200, body: { permission: "write", role_name: "maintain", user: null } },
  );
  const repository = await connect(server.url).forInstallation("ada/shop");

  expect(await repository.permission("ada")).toBe("maintain");
  expect(server.asked.filter(({ path }) => path.endsWith("/access_tokens"))).toHaveLength(2);

  await using strict = await serve(() => ({ status: 401, body: { message: "Bad credentials" } }));
  const refused = await connect(strict.url).forInstallation("ada/shop");
  await expect(refused.permission("ada")).rejects.toMatchObject({ code: "github-forbidden" });
  expect(strict.asked.filter(({ path }) => path.endsWith("/permission"))).toHaveLength(2);
});

test("an organisation's own role counts as what it is built on", async () => {
  await using server = await serve(() => ({ status: 200, body: { permission: "write", role_name: "release-captain", user: null } }));
  const repository = await connect(server.url).forInstallation("ada/shop");

  expect(await repository.permission("ada")).toBe("write");
});
