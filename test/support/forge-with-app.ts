/** A forge with one repository, an owner, a writer, a reader and an installed App whose webhooks are kept: what GitHub looks like to the platform. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createForge } from "../../src/forge/forge.ts";
import { createGitHub, type GitHubOptions } from "../../src/github/create-github.ts";
import type { GitHub } from "../../src/github/github.ts";
import { openGitHubApi } from "./github-api.ts";

export interface KeptDelivery {
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface ForgeWithApp extends AsyncDisposable {
  url: string;
  repository: string;
  webhookSecret: string;
  deliveries: KeptDelivery[];
  github: GitHub;
  /** Calls the API as a person. Throws on a refusal. */
  as(login: string, method: string, path: string, body?: unknown): Promise<unknown>;
}

export interface ForgeWithAppOptions {
  files: Record<string, string>;
  github?: Partial<GitHubOptions>;
}

export async function startForgeWithApp({ files, github = {} }: ForgeWithAppOptions): Promise<ForgeWithApp> {
  const dataDir = await mkdtemp(join(tmpdir(), "forge-"));
  const deliveries: KeptDelivery[] = [];
  const hooks = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    deliveries.push({ headers: request.headers, body });
    response.writeHead(202).end();
  });
  await new Promise<void>((done) => hooks.listen(0, "127.0.0.1", done));
  const api = openGitHubApi();
  const forge = await createForge({ dataDir, port: 0, actions: {}, log: () => undefined, observer: api.observer });

  const call = async (path: string, method: string, token: string, body?: unknown): Promise<unknown> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(forge.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const admin = (path: string, body: unknown) => call(`/_forge${path}`, "POST", forge.adminToken, body);

  const repository = "ada/shop";
  const webhookSecret = "0123456789abcdef0123456789abcdef";
  for (const login of ["ada", "wes", "eve", "stranger"]) await admin("/accounts", { login, token: `ghp_${login}`.padEnd(40, "0") });
  await admin("/repositories", { owner: "ada", name: "shop", files });
  await admin("/collaborators", { repository, login: "wes", permission: "write" });
  await admin("/collaborators", { repository, login: "eve", permission: "read" });
  const app = (await admin("/apps", {
    slug: "adorable",
    owner: "ada",
    webhookUrl: `http://127.0.0.1:${(hooks.address() as AddressInfo).port}/webhooks`,
    webhookSecret,
    permissions: {
      contents: "write",
      issues: "write",
      pull_requests: "write",
      checks: "write",
      deployments: "write",
      actions: "write",
      metadata: "read",
    },
    events: [
      "issues",
      "issue_comment",
      "pull_request",
      "pull_request_review",
      "pull_request_review_comment",
      "push",
      "check_run",
      "workflow_run",
      "merge_group",
    ],
  })) as { id: number; pem: string };
  await admin("/installations", { app: "adorable", owner: "ada", repositories: [repository] });

  return {
    url: forge.url,
    repository,
    webhookSecret,
    deliveries,
    github: createGitHub({ baseUrl: `${forge.url}/api/v3`, appId: app.id, privateKey: app.pem, ...github }),
    as: (login, method, path, body) => call(path, method, `ghp_${login}`.padEnd(40, "0"), body),
    async [Symbol.asyncDispose]() {
      await forge.close();
      hooks.closeAllConnections();
      await new Promise<void>((done) => hooks.close(() => done()));
      await rm(dataDir, { recursive: true, force: true });
      api.assertTrue();
    },
  };
}
