import { describe, expect, test } from "vitest";
import { parseDelivery, signDelivery } from "./delivery.ts";

const SECRET = "a-webhook-secret-of-some-length";
const SHA = "0123456789abcdef0123456789abcdef01234567";
const user = { login: "ada", id: 7, type: "User" };
const repository = {
  id: 1,
  full_name: "ada/shop",
  default_branch: "main",
  private: true,
  clone_url: "http://127.0.0.1/ada/shop.git",
  html_url: "http://127.0.0.1/ada/shop",
};
const envelope = { sender: user, repository, installation: { id: 3 } };
const times = { created_at: "2026-01-01T00:00:00Z", updated_at: "2026-01-01T00:00:00Z" };
const issue = { number: 4, title: "A blog", body: null, user, state: "open", html_url: "http://x/4", ...times };
const comment = { id: 11, body: "@adorable add a blog app", user, html_url: "http://x/4#11", ...times };
const pull = {
  number: 5,
  title: "Blog",
  body: null,
  user,
  state: "closed",
  merged_at: "2026-01-02T00:00:00Z",
  merge_commit_sha: SHA,
  head: { ref: "adorable/issue-4", sha: SHA, repo: { full_name: "ada/shop" } },
  base: { ref: "main", sha: SHA, repo: { full_name: "ada/shop" } },
  html_url: "http://x/5",
  ...times,
};

function deliver(event: string, payload: unknown, overrides: Record<string, string> = {}, secret = SECRET) {
  const body = Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload));
  const headers = {
    "X-GitHub-Event": event,
    "X-GitHub-Delivery": "guid-1",
    "Content-Type": "application/json",
    "X-Hub-Signature-256": signDelivery(secret, body),
    ...overrides,
  };
  return parseDelivery(headers, body, SECRET);
}

describe("a delivery is refused", () => {
  test("when it is not signed", () => {
    const { error } = attempt(() => parseDelivery({ "x-github-event": "push", "x-github-delivery": "1" }, Buffer.from("{}"), SECRET));

    expect(error).toMatchObject({ code: "delivery-unsigned", remedy: "operator" });
  });

  test("when it is signed with another secret", () => {
    expect(attempt(() => deliver("ping", {}, {}, "another secret")).error).toMatchObject({ code: "delivery-forged" });
  });

  test("when a byte of the body is not what was signed", () => {
    const body = Buffer.from(JSON.stringify({ ...envelope, action: "created", issue, comment }));
    const signature = signDelivery(SECRET, body);
    body[10] = 0x20;

    const { error } = attempt(() =>
      parseDelivery({ "x-hub-signature-256": signature, "x-github-event": "issues", "x-github-delivery": "1" }, body, SECRET),
    );

    expect(error).toMatchObject({ code: "delivery-forged" });
  });

  test.for(["", "sha256=", "sha1=abc", "sha256=zz"])("when its signature is %j", (signature) => {
    expect(attempt(() => deliver("ping", {}, { "X-Hub-Signature-256": signature })).error?.code).toMatch(/delivery-(forged|unsigned)/);
  });

  test("when its body is not JSON, is not an object, or lacks what is read", () => {
    for (const payload of ["{", "null", "[]", { ...envelope, action: "created", issue }]) {
      expect(attempt(() => deliver("issue_comment", payload)).error).toMatchObject({ code: "delivery-malformed" });
    }
  });

  test("without an id or an event name", () => {
    expect(attempt(() => deliver("issues", {}, { "X-GitHub-Delivery": "" })).error).toMatchObject({ code: "delivery-malformed" });
    expect(attempt(() => deliver("", {})).error).toMatchObject({ code: "delivery-malformed" });
  });
});

describe("a verified delivery", () => {
  test("of an event that is not acted on is ignored by name", () => {
    expect(deliver("star", { action: "created" })).toEqual({ id: "guid-1", event: "ignored", name: "star" });
    expect(deliver("constructor", {})).toMatchObject({ event: "ignored" });
  });

  test("of a comment carries who, where and what", () => {
    const delivery = deliver("issue_comment", { ...envelope, action: "created", issue: { ...issue, pull_request: {} }, comment });

    expect(delivery).toMatchObject({
      id: "guid-1",
      event: "issue_comment",
      action: "created",
      installationId: 3,
      sender: user,
      repository: { fullName: "ada/shop", defaultBranch: "main" },
      issue: { number: 4, body: "", isPullRequest: true },
      comment: { id: 11, body: "@adorable add a blog app" },
    });
  });

  test("of a merged pull request says which commit the merge made", () => {
    expect(deliver("pull_request", { ...envelope, action: "closed", pull_request: pull })).toMatchObject({
      pullRequest: { isMerged: true, mergeCommit: SHA, head: { ref: "adorable/issue-4", repository: "ada/shop" } },
    });
  });

  test("of an unmerged pull request has no merge commit, though GitHub sends the test merge's", () => {
    const delivery = deliver("pull_request", {
      ...envelope,
      action: "opened",
      pull_request: { ...pull, merged_at: null, merged: false, state: "open" },
    });

    expect(delivery).toMatchObject({ pullRequest: { isMerged: false, mergeCommit: undefined } });
  });

  test("of an edit says what stood there before", () => {
    const delivery = deliver("issue_comment", { ...envelope, action: "edited", issue, comment, changes: { body: { from: "hello" } } });

    expect(delivery).toMatchObject({ changes: { bodyBefore: "hello" } });
  });

  test("by an account that is gone is the ghost's, who is no user", () => {
    expect(deliver("issues", { ...envelope, sender: null, action: "opened", issue })).toMatchObject({
      sender: { login: "ghost", type: "Ghost" },
    });
  });

  test("in form encoding reads the same", () => {
    const payload = { ...envelope, ref: "refs/heads/main", before: SHA, after: SHA, created: false, deleted: false, forced: true };
    const form = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();

    expect(deliver("push", form, { "Content-Type": "application/x-www-form-urlencoded" })).toMatchObject({ event: "push", isForced: true });
  });
});

function attempt(action: () => unknown): { error?: { code: string } } {
  try {
    action();
    return {};
  } catch (error) {
    return { error: error as { code: string } };
  }
}
