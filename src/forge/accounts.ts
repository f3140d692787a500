/** Accounts, their tokens and roles, and how a browser logs in: by a one-time link that becomes a cookie session. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { timestamp, type ForgeCore } from "./core.ts";
import { invalid } from "./faults.ts";
import type { Account, Permissions, Repository, Role } from "./records.ts";

const LINK_LIFETIME_MS = 60 * 60 * 1000;
const SESSION_LIFETIME_MS = 14 * 24 * 60 * 60 * 1000;
/** First path segments that are the API's or a page's own. */
const RESERVED = new Set([
  "api",
  "app",
  "apps",
  "graphql",
  "installation",
  "login",
  "logout",
  "meta",
  "oidc",
  "orgs",
  "rate_limit",
  "repos",
  "repositories",
  "user",
  "users",
  "new",
  "assets",
  "events",
]);

export interface StoredToken {
  kind: "user" | "installation" | "job";
  accountId: number;
  installationId: number | null;
  jobId: number | null;
  permissions: Permissions | null;
  repositoryIds: number[] | null;
  expiresAt: string | null;
}

/** Tokens, links and sessions are stored by hash: the file gives nobody access. */
export function secretHash(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

export function newSecret(prefix: string): string {
  return `${prefix}${randomBytes(24).toString("base64url").replaceAll(/[-_]/g, "x")}`;
}

/** Constant-time comparison of two secrets. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(Buffer.from(secretHash(given)), Buffer.from(secretHash(expected)));
}

/** Idempotent by login. */
export function ensureAccount(core: ForgeCore, login: string, type: Account["type"] = "User", name = login): Account {
  const known = core.state.accountByLogin(login);
  if (known !== undefined) return known;
  const valid = type === "Bot" ? /^[a-zA-Z0-9-]+\[bot\]$/ : /^[a-zA-Z0-9](?:-?[a-zA-Z0-9]){0,38}$/;
  if (!valid.test(login) || RESERVED.has(login.toLowerCase()))
    throw invalid({ resource: "User", field: "login", code: "invalid", value: login });
  return core.state.account(core.db.insert("accounts", { login, type, name, createdAt: timestamp() }));
}

/** Stores a token's hash; the token itself is nowhere but in the answer. */
export function issueToken(
  core: ForgeCore,
  prefix: string,
  record: Partial<StoredToken> & Pick<StoredToken, "kind" | "accountId">,
  lifetimeMs?: number,
) {
  const token = newSecret(prefix);
  const expiresAt = lifetimeMs === undefined ? null : timestamp(Date.now() + lifetimeMs);
  core.db.insert("tokens", { ...record, hash: secretHash(token), expiresAt, createdAt: timestamp() });
  return { token, expiresAt };
}

/** Makes `token` a personal token of the account; idempotent. */
export function adoptToken(core: ForgeCore, account: Account, token: string): void {
  core.db.run("delete from tokens where hash = ?", secretHash(token));
  core.db.insert("tokens", { hash: secretHash(token), kind: "user", accountId: account.id, createdAt: timestamp() });
}

export function findToken(core: ForgeCore, token: string): StoredToken | undefined {
  const found = core.db.get<StoredToken>("select * from tokens where hash = ?", secretHash(token));
  return found === undefined || (found.expiresAt !== null && found.expiresAt <= timestamp()) ? undefined : found;
}

export function revokeJobTokens(core: ForgeCore, jobId: number): void {
  core.db.run("delete from tokens where jobId = ?", jobId);
}

export function setCollaborator(core: ForgeCore, repository: Repository, account: Account, role: Role): void {
  core.db.transaction(() => {
    core.db.run("delete from collaborators where repositoryId = ? and accountId = ?", repository.id, account.id);
    if (role !== "none") core.db.insert("collaborators", { repositoryId: repository.id, accountId: account.id, role });
  });
}

/** A URL path that logs its first visitor in, once, within the hour. `next` is a path of this site. */
export function createLoginLink(core: ForgeCore, account: Account, next = "/"): string {
  const secret = newSecret("");
  core.db.insert("loginLinks", { hash: secretHash(secret), accountId: account.id, expiresAt: timestamp(Date.now() + LINK_LIFETIME_MS) });
  return `/login?link=${secret}&next=${encodeURIComponent(next)}`;
}

export interface Session {
  account: Account;
  /** Forms carry it; a request that changes something without it is refused. */
  csrf: string;
}

/** Trades a one-time link for a session cookie's value; undefined when the link was used, is unknown or has expired. */
export function redeemLoginLink(core: ForgeCore, secret: string): { cookie: string; session: Session } | undefined {
  return core.db.transaction(() => {
    const link = core.db.get<{ accountId: number; expiresAt: string }>(
      "select accountId, expiresAt from loginLinks where hash = ?",
      secretHash(secret),
    );
    if (link === undefined) return undefined;
    core.db.run("delete from loginLinks where hash = ?", secretHash(secret));
    if (link.expiresAt <= timestamp()) return undefined;
    const cookie = newSecret("");
    const csrf = newSecret("");
    core.db.insert("sessions", {
      hash: secretHash(cookie),
      accountId: link.accountId,
      csrf,
      expiresAt: timestamp(Date.now() + SESSION_LIFETIME_MS),
    });
    return { cookie, session: { account: core.state.account(link.accountId), csrf } };
  });
}

export function findSession(core: ForgeCore, cookie: string): Session | undefined {
  const found = core.db.get<{ accountId: number; csrf: string; expiresAt: string }>(
    "select * from sessions where hash = ?",
    secretHash(cookie),
  );
  if (found === undefined || found.expiresAt <= timestamp()) return undefined;
  return { account: core.state.account(found.accountId), csrf: found.csrf };
}

export function endSession(core: ForgeCore, cookie: string): void {
  core.db.run("delete from sessions where hash = ?", secretHash(cookie));
}
