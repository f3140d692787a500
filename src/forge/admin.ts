/** The forge's own administration below `/_forge`: makes accounts, repositories, Apps and login links. Every call is idempotent. */
import { z } from "zod";
import { adoptToken, createLoginLink, ensureAccount, isSameSecret, issueToken, setCollaborator } from "./accounts.ts";
import { ensureApp, installApp, uninstallApp } from "./apps.ts";
import type { ForgeCore } from "./core.ts";
import { Fault, notFound } from "./faults.ts";
import type { Account, Repository } from "./records.ts";
import { createRepository, writeFiles } from "./repositories.ts";
import { bodyOf, numberParam, type Api } from "./rest/http.ts";
import { installationJson } from "./serialize/actions.ts";
import { appJson, userJson } from "./serialize/common.ts";
import { repositoryJson } from "./serialize/repositories.ts";

const newAccount = z.strictObject({
  login: z.string(),
  name: z.string().optional(),
  type: z.enum(["User", "Organization"]).default("User"),
  token: z.string().optional(),
});
const newRepository = z.strictObject({
  owner: z.string(),
  name: z.string(),
  private: z.boolean().default(false),
  description: z.string().optional(),
  defaultBranch: z.string().default("main"),
  files: z.record(z.string(), z.string()).optional(),
  message: z.string().default("Initial commit"),
});
const newApp = z.strictObject({
  slug: z.string(),
  name: z.string().optional(),
  owner: z.string().optional(),
  webhookUrl: z.string().nullish(),
  webhookSecret: z.string().nullish(),
  permissions: z.record(z.string(), z.enum(["read", "write", "admin"])).optional(),
  events: z.array(z.string()).optional(),
});

export function adminRoutes(core: ForgeCore, api: Api, adminToken: string): void {
  api.use("*", async (c, next) => {
    const given = (c.req.header("authorization") ?? "").replace(/^bearer /i, "");
    if (!isSameSecret(given, adminToken)) throw new Fault(401, "Bad credentials");
    await next();
  });
  const accountOf = (login: string): Account => {
    const account = core.state.accountByLogin(login);
    if (account === undefined) throw new Fault(404, `There is no account "${login}"`);
    return account;
  };
  const repositoryOf = (fullName: string): Repository => {
    const [owner = "", name = ""] = fullName.split("/");
    const repository = core.state.repository(owner, name);
    if (repository === undefined) throw new Fault(404, `There is no repository "${fullName}"`);
    return repository;
  };

  api.get("/health", (c) => c.json({ ok: true, url: core.url }));
  /** `token`: a personal token of one's own choice. */
  api.post("/accounts", async (c) => {
    const { login, name, type, token } = await bodyOf(c, newAccount);
    const account = ensureAccount(core, login, type, name);
    if (token !== undefined) adoptToken(core, account, token);
    return c.json(userJson(core, account));
  });
  api.post("/tokens", async (c) => {
    const { login } = await bodyOf(c, z.strictObject({ login: z.string() }));
    return c.json({ token: issueToken(core, "ghp_", { kind: "user", accountId: accountOf(login).id }).token });
  });
  /** `files` are committed only when the repository is made by this call. */
  api.post("/repositories", async (c) => {
    const wanted = await bodyOf(c, newRepository);
    const owner = accountOf(wanted.owner);
    const { name, private: isPrivate, description = null, defaultBranch, message } = wanted;
    const repository =
      core.state.repository(owner.login, name) ?? (await createRepository(core, owner, { name, isPrivate, description, defaultBranch }));
    if (wanted.files !== undefined && core.state.branches(repository.id).length === 0) {
      const files = Object.fromEntries(Object.entries(wanted.files).map(([path, text]) => [path, Buffer.from(text)]));
      await writeFiles(core, repository, owner, { branch: defaultBranch, message, files });
    }
    return c.json(repositoryJson(core, core.state.repositoryById(repository.id) ?? repository));
  });
  api.post("/collaborators", async (c) => {
    const role = z.enum(["none", "read", "triage", "write", "maintain", "admin"]);
    const { repository, login, permission } = await bodyOf(
      c,
      z.strictObject({ repository: z.string(), login: z.string(), permission: role }),
    );
    setCollaborator(core, repositoryOf(repository), accountOf(login), permission);
    return c.json({ repository, login, permission });
  });
  /** Answers the private key, as GitHub does once when an App is made from a manifest. */
  api.post("/apps", async (c) => {
    const app = await ensureApp(core, await bodyOf(c, newApp));
    return c.json({
      ...appJson(core, app),
      pem: app.privateKey,
      webhook_secret: app.webhookSecret,
      bot: core.state.account(app.botId).login,
    });
  });
  api.post("/installations", async (c) => {
    const {
      app: slug,
      owner,
      repositories,
      sender,
    } = await bodyOf(
      c,
      z.strictObject({
        app: z.string(),
        owner: z.string(),
        repositories: z.union([z.literal("all"), z.array(z.string())]),
        sender: z.string().optional(),
      }),
    );
    const app = core.state.appBySlug(slug);
    if (app === undefined) throw notFound();
    const list = repositories === "all" ? repositories : repositories.map(repositoryOf);
    return c.json(installationJson(core, installApp(core, app, accountOf(owner), list, accountOf(sender ?? owner))));
  });
  api.delete("/installations/:id", (c) => {
    const installation = core.state.installation(numberParam(c, "id"));
    if (installation !== undefined) uninstallApp(core, installation, core.state.account(installation.accountId));
    return c.body(null, 204);
  });
  /** A URL that logs its first visitor in as `login`. */
  api.post("/login-links", async (c) => {
    const { login, next } = await bodyOf(c, z.strictObject({ login: z.string(), next: z.string().default("/") }));
    return c.json({ url: core.url + createLoginLink(core, accountOf(login), next) });
  });
}
