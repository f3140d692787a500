/** What every JSON shape of the API shares: node ids, accounts, links. */
import type { ForgeCore } from "../core.ts";
import type { Account, App } from "../records.ts";

export type Json = Record<string, unknown>;

/** `<prefix>_<id>` as GitHub's: opaque to callers, typed for GraphQL. */
export function nodeId(prefix: string, id: number): string {
  return `${prefix}_${Buffer.from(String(id)).toString("base64url")}`;
}

/** The id in a node id of that prefix; undefined for any other text. */
export function idOfNode(prefix: string, node: string): number | undefined {
  if (!node.startsWith(`${prefix}_`)) return undefined;
  const id = Number(Buffer.from(node.slice(prefix.length + 1), "base64url").toString("utf8"));
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

export function apiUrl(core: ForgeCore): string {
  return `${core.url}/api/v3`;
}

export function userJson(core: ForgeCore, account: Account): Json {
  const url = `${apiUrl(core)}/users/${encodeURIComponent(account.login)}`;
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId("U", account.id),
    avatar_url: `${core.url}/assets/avatars/${account.id}`,
    gravatar_id: "",
    url,
    html_url: account.type === "Bot" ? `${core.url}/apps/${account.login.replace("[bot]", "")}` : `${core.url}/${account.login}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: account.type,
    site_admin: false,
  };
}

/** An account that was asked for itself; `isOwn`: by itself. */
export function fullUserJson(core: ForgeCore, account: Account, isOwn: boolean): Json {
  const { items } = core.state.repositoriesOf(account.id);
  const hidden = items.filter((repository) => repository.isPrivate).length;
  return {
    ...userJson(core, account),
    name: account.name,
    company: null,
    blog: "",
    location: null,
    email: null,
    hireable: null,
    bio: null,
    twitter_username: null,
    public_repos: items.length - hidden,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: account.createdAt,
    updated_at: account.createdAt,
    ...(isOwn
      ? {
          private_gists: 0,
          total_private_repos: hidden,
          owned_private_repos: hidden,
          disk_usage: 0,
          collaborators: 0,
          two_factor_authentication: false,
        }
      : {}),
  };
}

export function userById(core: ForgeCore, id: number): Json {
  return userJson(core, core.state.account(id));
}

export function appJson(core: ForgeCore, app: App): Json {
  return {
    id: app.id,
    slug: app.slug,
    node_id: nodeId("A", app.id),
    client_id: `Iv1.${String(app.id).padStart(16, "0")}`,
    owner: userById(core, app.ownerId),
    name: app.name,
    description: null,
    external_url: core.url,
    html_url: `${core.url}/apps/${app.slug}`,
    created_at: app.createdAt,
    updated_at: app.createdAt,
    permissions: app.permissions,
    events: app.events,
  };
}
