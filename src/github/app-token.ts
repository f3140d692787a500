/** How the App proves who it is: a JWT for itself, and installation tokens for what it does on repositories. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import type { Clock } from "../core/clock.ts";
import { AdorableError } from "../core/errors.ts";

/** Ours against GitHub's clock. */
const SKEW_S = 60;
const LIFETIME_S = 540;
/** A token is not used for its last minutes: a push that it starts must not end without it. */
const MARGIN_MS = 5 * 60_000;

/** Throws `config-invalid` (operator) when `pem` is not a private key. */
export function readPrivateKey(pem: string): KeyObject {
  try {
    // Keys in environment variables often carry their line breaks as `\n`.
    return createPrivateKey(pem.replaceAll("\\n", "\n"));
  } catch (cause) {
    const hint = "Give the PEM text of a private key that GitHub made for the App.";
    throw new AdorableError({
      code: "config-invalid",
      remedy: "operator",
      message: "The App's private key is not a PEM private key.",
      hint,
      cause,
    });
  }
}

export async function appJwt(appId: number, key: KeyObject, clock: Clock): Promise<string> {
  const nowS = Math.floor(clock.now().getTime() / 1000);
  const jwt = new SignJWT().setProtectedHeader({ alg: "RS256", typ: "JWT" });
  return jwt
    .setIssuer(String(appId))
    .setIssuedAt(nowS - SKEW_S)
    .setExpirationTime(nowS + LIFETIME_S)
    .sign(key);
}

export interface InstallationToken {
  token: string;
  expiresAtMs: number;
}

/** Tokens by installation: fetched once for all who wait, kept until shortly before they expire. */
export class TokenCache {
  readonly #tokens = new Map<number, Promise<InstallationToken>>();
  readonly #fetch: (installationId: number) => Promise<InstallationToken>;
  readonly #clock: Clock;

  constructor(clock: Clock, fetchToken: (installationId: number) => Promise<InstallationToken>) {
    this.#clock = clock;
    this.#fetch = fetchToken;
  }

  async get(installationId: number): Promise<string> {
    const kept = this.#tokens.get(installationId);
    if (kept !== undefined) {
      const { token, expiresAtMs } = await kept;
      if (expiresAtMs - MARGIN_MS > this.#clock.now().getTime()) return token;
      if (this.#tokens.get(installationId) === kept) this.#tokens.delete(installationId);
    }
    return (await this.#renew(installationId)).token;
  }

  /** After a 401: the installation may have been suspended and resumed since. */
  drop(installationId: number): void {
    this.#tokens.delete(installationId);
  }

  #renew(installationId: number): Promise<InstallationToken> {
    const under = this.#tokens.get(installationId);
    if (under !== undefined) return under;
    const token = this.#fetch(installationId);
    this.#tokens.set(installationId, token);
    token.catch(() => this.#tokens.delete(installationId));
    return token;
  }
}
