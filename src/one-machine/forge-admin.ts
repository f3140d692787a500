/** The forge's first set-up: accounts, the App and repositories, over its administration API. */
import { AdorableError } from "../core/errors.ts";

export interface ForgeAdmin {
  /** Makes the account if it is not there; answers a personal token of it. */
  createUser(login: string): Promise<string>;
  /** Makes the repository with these files if it is not there. */
  createRepository(fullName: string, files: Record<string, string>): Promise<{ url: string }>;
  setPermission(repository: string, login: string, permission: "none" | "read" | "triage" | "write" | "maintain" | "admin"): Promise<void>;
  createApp(app: {
    slug: string;
    name: string;
    webhookUrl: string;
    webhookSecret: string;
    permissions: Record<string, string>;
    events: string[];
  }): Promise<{ id: number; pem: string }>;
  installApp(slug: string, repository: string): Promise<void>;
  /** A link that logs its first visitor in. */
  loginLink(login: string, next: string): Promise<string>;
}

export function createForgeAdmin(url: string, token: string): ForgeAdmin {
  const call = async <T>(path: string, body: unknown): Promise<T> => {
    const response = await fetch(`${url}/_forge${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok)
      throw new AdorableError({
        code: "forge-refused",
        remedy: "bug",
        message: `The forge answered ${response.status} to ${path}: ${text.slice(0, 300)}`,
      });
    return JSON.parse(text) as T;
  };
  return {
    async createUser(login) {
      await call("/accounts", { login });
      return (await call<{ token: string }>("/tokens", { login })).token;
    },
    async createRepository(fullName, files) {
      const [owner = "", name = ""] = fullName.split("/");
      await call("/accounts", { login: owner });
      return { url: (await call<{ html_url: string }>("/repositories", { owner, name, files })).html_url };
    },
    async setPermission(repository, login, permission) {
      await call("/collaborators", { repository, login, permission });
    },
    createApp: (app) => call("/apps", app),
    async installApp(slug, repository) {
      await call("/installations", { app: slug, owner: repository.split("/")[0], repositories: [repository] });
    },
    async loginLink(login, next) {
      return (await call<{ url: string }>("/login-links", { login, next })).url;
    },
  };
}
