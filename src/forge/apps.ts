/** Apps, their installations, and the tokens by which they act. */
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { ensureAccount, issueToken } from "./accounts.ts";
import { timestamp, type ForgeCore } from "./core.ts";
import { Fault } from "./faults.ts";
import type { Account, App, Installation, Permissions, Repository } from "./records.ts";
import { repositoryPermissionsOf } from "./permissions.ts";
import { nodeId, type Json } from "./serialize/common.ts";
import { emitInstallation } from "./webhooks.ts";

const TOKEN_LIFETIME_MS = 60 * 60 * 1000;

export interface NewApp {
  slug: string;
  name?: string | undefined;
  owner?: string | undefined;
  webhookUrl?: string | null | undefined;
  webhookSecret?: string | null | undefined;
  permissions?: Permissions | undefined;
  events?: string[] | undefined;
}

/** Idempotent by slug: one that is there keeps its id and key, and takes on what is given. */
export async function ensureApp(core: ForgeCore, wanted: NewApp): Promise<App> {
  const { slug, name = slug, webhookUrl, webhookSecret, permissions, events } = wanted;
  const known = core.state.appBySlug(slug);
  if (known !== undefined) {
    core.db.update("apps", known.id, { webhookUrl, webhookSecret, permissions, events });
    return core.state.app(known.id) as App;
  }
  const keys = await promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return core.db.transaction(() => {
    const owner = wanted.owner === undefined ? ensureAccount(core, slug, "Organization", name) : ensureAccount(core, wanted.owner);
    const bot = ensureAccount(core, `${slug}[bot]`, "Bot");
    const record = { slug, name, ownerId: owner.id, botId: bot.id, privateKey: keys.privateKey, publicKey: keys.publicKey };
    const settings = {
      webhookUrl: webhookUrl ?? null,
      webhookSecret: webhookSecret ?? null,
      permissions: permissions ?? {},
      events: events ?? [],
    };
    const id = core.db.insert("apps", { ...record, ...settings, createdAt: timestamp() });
    return core.state.app(id) as App;
  });
}

/** Installs an App on repositories of one owner, or adds them to the installation that is there. `"all"` covers later ones too. */
export function installApp(core: ForgeCore, app: App, owner: Account, repositories: Repository[] | "all", sender: Account): Installation {
  return core.db.transaction(() => {
    const now = timestamp();
    const known = core.db.get<Installation>("select * from installations where appId = ? and accountId = ?", app.id, owner.id);
    const repositorySelection = repositories === "all" ? "all" : (known?.repositorySelection ?? "selected");
    const id =
      known?.id ??
      core.db.insert("installations", { appId: app.id, accountId: owner.id, repositorySelection, createdAt: now, updatedAt: now });
    const covered = new Set(known === undefined ? [] : core.state.installationRepositories(known).items.map((repository) => repository.id));
    if (known !== undefined) core.db.update("installations", id, { repositorySelection, updatedAt: now });
    for (const repository of repositories === "all" ? [] : repositories) {
      core.db.run("insert or ignore into installationRepositories (installationId, repositoryId) values (?, ?)", id, repository.id);
    }
    const installation = core.state.installation(id) as Installation;
    const added = core.state.installationRepositories(installation).items.filter((repository) => !covered.has(repository.id));
    if (known === undefined)
      emitInstallation(core, "installation", installation, sender, {
        action: "created",
        repositories: added.map(briefJson),
        requester: null,
      });
    else if (added.length > 0) {
      const body = {
        repository_selection: repositorySelection,
        repositories_added: added.map(briefJson),
        repositories_removed: [],
        requester: null,
      };
      emitInstallation(core, "installation_repositories", installation, sender, { action: "added", ...body });
    }
    return installation;
  });
}

export function uninstallApp(core: ForgeCore, installation: Installation, sender: Account): void {
  core.db.transaction(() => {
    const repositories = core.state.installationRepositories(installation).items;
    emitInstallation(core, "installation", installation, sender, { action: "deleted", repositories: repositories.map(briefJson) });
    core.db.run("delete from tokens where installationId = ?", installation.id);
    core.db.run("delete from installationRepositories where installationId = ?", installation.id);
    core.db.run("delete from installations where id = ?", installation.id);
  });
}

function briefJson(repository: Repository): Json {
  const { id, name, fullName, isPrivate } = repository;
  return { id, node_id: nodeId("R", id), name, full_name: fullName, private: isPrivate };
}

export interface TokenScope {
  repositories?: string[] | undefined;
  repositoryIds?: number[] | undefined;
  permissions?: Permissions | undefined;
}

/** A token for an hour, for all that the installation covers or less. Throws 422 for more than that. */
export function createInstallationToken(core: ForgeCore, app: App, installation: Installation, scope: TokenScope) {
  const covered = core.state.installationRepositories(installation).items;
  const wanted = covered.filter(
    (repository) => scope.repositories?.includes(repository.name) === true || scope.repositoryIds?.includes(repository.id) === true,
  );
  const isScoped = scope.repositories !== undefined || scope.repositoryIds !== undefined;
  const asked = new Set([...(scope.repositories ?? []), ...(scope.repositoryIds ?? [])]).size;
  if (isScoped && wanted.length < asked) {
    throw new Fault(422, "There is at least one repository that does not exist or is not accessible to the parent installation.");
  }
  for (const [name, level] of Object.entries(scope.permissions ?? {})) {
    const granted = app.permissions[name];
    if (granted === undefined || (level === "write" && granted === "read"))
      throw new Fault(422, "The permissions requested are not granted to this installation.");
  }
  const permissions = repositoryPermissionsOf(scope.permissions ?? app.permissions);
  const repositoryIds = isScoped ? wanted.map((repository) => repository.id) : null;
  const issued = issueToken(
    core,
    "ghs_",
    { kind: "installation", accountId: app.botId, installationId: installation.id, permissions, repositoryIds },
    TOKEN_LIFETIME_MS,
  );
  return { ...issued, permissions, repositories: isScoped ? wanted : undefined };
}
