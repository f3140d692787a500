/** Says who calls, by the Authorization header, and what that caller may do in a repository. Default deny. */
import { decodeJwt, importSPKI, jwtVerify } from "jose";
import { findToken } from "./accounts.ts";
import type { ForgeCore } from "./core.ts";
import { badCredentials, Fault, notByIntegration, notFound, requiresAuthentication } from "./faults.ts";
import type { Account, App, Installation, Permissions, Repository, Role } from "./records.ts";

export type Actor =
  | { kind: "anonymous"; account: null }
  | { kind: "user"; account: Account }
  /** An App that proved its key: it may only speak of itself. */
  | { kind: "app"; app: App; account: Account }
  /** An installation token, or a job's GITHUB_TOKEN (`jobId`). */
  | {
      kind: "integration";
      app: App;
      account: Account;
      installation: Installation | null;
      jobId: number | null;
      permissions: Permissions;
      repositoryIds: number[] | null;
    };

export const ANONYMOUS: Actor = { kind: "anonymous", account: null };
const ROLES: Role[] = ["none", "read", "triage", "write", "maintain", "admin"];
/** GitHub allows an App's token ten minutes, and clocks differ. */
const MAX_JWT_SECONDS = 600;
const CLOCK_SKEW_SECONDS = 60;

/** Throws 401 `Bad credentials` for a header that proves nobody. */
export async function authenticate(core: ForgeCore, header: string | undefined): Promise<Actor> {
  if (header === undefined || header === "") return ANONYMOUS;
  const [scheme = "", value = ""] = header.split(/\s+/, 2);
  if (/^basic$/i.test(scheme)) {
    const pair = Buffer.from(value, "base64").toString("utf8");
    return byToken(core, pair.slice(pair.indexOf(":") + 1));
  }
  if (!/^(bearer|token)$/i.test(scheme) || value === "") throw badCredentials();
  return value.split(".").length === 3 ? byAppKey(core, value) : byToken(core, value);
}

function byToken(core: ForgeCore, token: string): Actor {
  const found = findToken(core, token);
  if (found === undefined) throw badCredentials();
  const account = core.state.account(found.accountId);
  if (found.kind === "user") return { kind: "user", account };
  const app = core.state.appOfBot(account.id);
  if (app === undefined) throw badCredentials();
  const installation = found.installationId === null ? null : (core.state.installation(found.installationId) ?? null);
  if (found.kind === "installation" && installation === null) throw badCredentials();
  return {
    kind: "integration",
    app,
    account,
    installation,
    jobId: found.jobId,
    permissions: found.permissions ?? {},
    repositoryIds: found.repositoryIds,
  };
}

async function byAppKey(core: ForgeCore, jwt: string): Promise<Actor> {
  const undecodable = new Fault(401, "A JSON web token could not be decoded");
  let claims: ReturnType<typeof decodeJwt>;
  try {
    claims = decodeJwt(jwt);
  } catch {
    throw undecodable;
  }
  const app = core.state.app(Number(claims.iss)) ?? core.state.appBySlug(String(claims.iss));
  if (app === undefined) throw new Fault(404, "Integration not found");
  const nowSeconds = Date.now() / 1000;
  if (typeof claims.exp !== "number" || claims.exp <= nowSeconds - 1) {
    throw new Fault(
      401,
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    );
  }
  if (claims.exp > nowSeconds + MAX_JWT_SECONDS + CLOCK_SKEW_SECONDS)
    throw new Fault(401, "'Expiration time' claim ('exp') is too far in the future");
  if (typeof claims.iat !== "number" || claims.iat > nowSeconds + CLOCK_SKEW_SECONDS) {
    throw new Fault(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued");
  }
  try {
    await jwtVerify(jwt, await importSPKI(app.publicKey, "RS256"), { algorithms: ["RS256"], clockTolerance: CLOCK_SKEW_SECONDS });
  } catch {
    throw undecodable;
  }
  return { kind: "app", app, account: core.state.account(app.botId) };
}

/** What it takes to do something: the App permission, and the role that a person needs. */
export interface Need {
  permission: string;
  level: "read" | "write";
  /** Default: `read` to read, `write` to write. */
  role?: Role;
}

/** Throws 404 where the caller may not even see the repository, 403 or 401 where it may not do this. Returns who acts. */
export function authorize(core: ForgeCore, actor: Actor, repository: Repository, need: Need): Account | null {
  if (actor.kind === "integration") {
    const covers = isCovered(core, actor, repository);
    if (!covers && repository.isPrivate) throw notFound();
    const granted = actor.permissions[need.permission] ?? (need.permission === "metadata" ? "read" : undefined);
    const enough = covers && granted !== undefined && (need.level === "read" || granted !== "read");
    if (!enough && !(need.level === "read" && !repository.isPrivate)) throw notByIntegration();
    return actor.account;
  }
  if (actor.kind === "app") throw notByIntegration();
  const role = core.state.role(repository, actor.account);
  if (role === "none") throw notFound();
  const wanted = need.role ?? (need.level === "read" ? "read" : "write");
  if (need.level === "write" && actor.account === null) throw requiresAuthentication();
  if (!isAtLeast(role, wanted)) {
    throw new Fault(403, wanted === "admin" ? "Must have admin rights to Repository." : "Must have push access to repository");
  }
  return actor.account;
}

/** As `authorize` for a writer, who is always somebody. */
export function authorizeWrite(core: ForgeCore, actor: Actor, repository: Repository, permission: string, role?: Role): Account {
  const account = authorize(core, actor, repository, { permission, level: "write", ...(role === undefined ? {} : { role }) });
  if (account === null) throw requiresAuthentication();
  return account;
}

export function isAtLeast(role: Role, wanted: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(wanted);
}

/** True when the caller may see the repository at all. */
export function isVisible(core: ForgeCore, actor: Actor, repository: Repository): boolean {
  if (actor.kind === "integration") return !repository.isPrivate || isCovered(core, actor, repository);
  return actor.kind !== "app" && core.state.role(repository, actor.account) !== "none";
}

function isCovered(core: ForgeCore, actor: Actor & { kind: "integration" }, repository: Repository): boolean {
  if (actor.repositoryIds !== null && !actor.repositoryIds.includes(repository.id)) return false;
  return actor.installation === null || core.state.installationOf(actor.app.id, repository.id)?.id === actor.installation.id;
}
