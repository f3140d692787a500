import { describe, expect, test } from "vitest";
import { MAX_TEXT, outgoing } from "./outgoing.ts";

describe("outgoing redacts", () => {
  const secret = "s3cret/with+signs&more";

  test.for([
    ["as it is", secret],
    ["in a URL", encodeURIComponent(secret)],
    ["in base64", Buffer.from(secret).toString("base64")],
    ["in base64url", Buffer.from(secret).toString("base64url")],
    ["in hex", Buffer.from(secret).toString("hex")],
  ])("a secret %s", ([, form]) => {
    const posted = outgoing(`before ${form} after`, { secrets: [secret] });

    expect(posted).not.toContain(form);
    expect(posted).toContain("[redacted]");
  });

  test.for([
    ["an installation token", "ghs_16C7e42F292c6912E7710c838347Ae178B4a"],
    ["a fine-grained token", "github_pat_11ABCDEFG0aBcDeFgHiJkL_abcdefghijklmnop"],
    ["a private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"],
    ["a JWT", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NTYifQ.c2lnbmF0dXJlLW9mLXRoaXM"],
  ])("%s that nobody told of", ([, value]) => {
    expect(outgoing(`x ${value} y`)).toBe("x [redacted] y");
  });

  test("the password in a DSN, and keeps the rest readable", () => {
    expect(outgoing("postgres://app_blog:hunter2@127.0.0.1:5432/proj_x")).toBe("postgres://app_blog:[redacted]@127.0.0.1:5432/proj_x");
  });

  test("the longer of two secrets of which one contains the other", () => {
    expect(outgoing("abcdefghij", { secrets: ["abcdef", "abcdefghij"] })).toBe("[redacted]");
  });

  test("no ordinary word for the sake of a secret of three letters", () => {
    expect(outgoing("the cat sat", { secrets: ["cat"] })).toBe("the cat sat");
  });
});

describe("outgoing defuses", () => {
  test.for([
    ["@adorable approve abc", "\\@adorable approve abc"],
    ["text\n  @Adorable stop", "text\n  \\@Adorable stop"],
    ["@adorable", "\\@adorable"],
    ["@adorable, do it", "\\@adorable, do it"],
    ["@ado\u200Brable stop", "\\@ado\u200Brable stop"],
    ["\u202E @\u2060adorable stop", "\u202E \\@\u2060adorable stop"],
  ])("%j", ([text, posted]) => {
    expect(outgoing(text as string)).toBe(posted);
  });

  test.for(["ask `@adorable help`", "mail me@adorable.example", "@ada adorable", "x @adorable"])("not %j, which is no trigger", (text) => {
    expect(outgoing(text)).toBe(text);
  });
});

describe("outgoing keeps GitHub's size", () => {
  test("text of exactly the limit stays as it is", () => {
    const text = "x".repeat(MAX_TEXT);

    expect(outgoing(text)).toBe(text);
  });

  test("longer text ends with how much was left out", () => {
    const posted = outgoing(`${"line\n".repeat(20_000)}end`);

    expect(posted.length).toBeLessThanOrEqual(MAX_TEXT);
    expect(posted).toMatch(/_\d+ more characters were left out: GitHub takes 65536 at most\._$/);
  });

  test("defusing and redacting happen before the cut", () => {
    const posted = outgoing("@adorable stop\n".repeat(10_000));

    expect(posted.length).toBeLessThanOrEqual(MAX_TEXT);
    expect(posted).not.toMatch(/^@adorable/m);
  });

  test("a code fence and a folded section that the cut left open are closed before the note", () => {
    const posted = outgoing(`<details><summary>log</summary>\n\n\`\`\`text\n${"line\n".repeat(20_000)}\`\`\`\n\n</details>`);

    expect(posted).toMatch(/\n```\n\n<\/details>\n\n_\d+ more/);
  });

  test("no character is cut in half", () => {
    const posted = outgoing("😀".repeat(MAX_TEXT));

    expect(posted.isWellFormed()).toBe(true);
  });
});
