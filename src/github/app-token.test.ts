import { generateKeyPairSync } from "node:crypto";
import { jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { appJwt, readPrivateKey, TokenCache } from "./app-token.ts";

const START = Date.parse("2026-01-01T00:00:00Z");

describe("the App's JWT", () => {
  test.for(["pkcs1", "pkcs8"] as const)("is made with a %s key, and with one whose line breaks are escaped", async (type) => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ type, format: "pem" }).toString();
    const clock = { now: () => new Date(START) };

    const jwt = await appJwt(42, readPrivateKey(pem.replaceAll("\n", "\\n")), clock);

    const { payload } = await jwtVerify(jwt, publicKey, { issuer: "42", currentDate: new Date(START) });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(600);
  });

  test("is refused a key that is none", () => {
    expect(() => readPrivateKey("hello")).toThrow(expect.objectContaining({ code: "config-invalid", remedy: "operator" }));
  });
});

describe("installation tokens", () => {
  function cache() {
    let nowMs = START;
    let asked = 0;
    const tokens = new TokenCache({ now: () => new Date(nowMs) }, async (id) => {
      asked += 1;
      if (id === 13) throw new Error("no such installation");
      return { token: `t${asked}`, expiresAtMs: nowMs + 3_600_000 };
    });
    return { tokens, asked: () => asked, pass: (ms: number) => (nowMs += ms) };
  }

  test("are asked for once, however many wait", async () => {
    const { tokens, asked } = cache();

    const all = await Promise.all([tokens.get(1), tokens.get(1), tokens.get(1)]);

    expect(new Set(all).size).toBe(1);
    expect(asked()).toBe(1);
  });

  test("are renewed once for all who wait, minutes before they expire", async () => {
    const { tokens, asked, pass } = cache();
    await tokens.get(1);

    pass(56 * 60_000);
    const all = await Promise.all([tokens.get(1), tokens.get(1)]);

    expect(all).toEqual(["t2", "t2"]);
    expect(asked()).toBe(2);
  });

  test("are asked for again after a failure", async () => {
    const { tokens, asked } = cache();

    await expect(tokens.get(13)).rejects.toThrow("no such installation");
    await expect(tokens.get(13)).rejects.toThrow("no such installation");

    expect(asked()).toBe(2);
  });
});
