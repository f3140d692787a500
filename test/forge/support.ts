/** A forge on a free port and a temporary directory, a receiver of its webhooks, and clients that speak to it. */
import { spawn } from "node:child_process";
import { createHmac, createSign } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Octokit } from "@octokit/rest";
import { createForge, type Forge, type ForgeOptions } from "../../src/forge/forge.ts";
import { openGitHubApi, type GitHubApi } from "../support/github-api.ts";

export interface Received {
  event: string;
  guid: string;
  isSigned: boolean;
  /** Read by tests that know the event. */
  payload: any;
}

export interface Receiver {
  url: string;
  received: Received[];
  /** The payloads of an event and, where given, an action. */
  of(event: string, action?: string): Received["payload"][];
  close(): Promise<void>;
}

export const WEBHOOK_SECRET = "hook-secret";

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const expected = `sha256=${createHmac("sha256", WEBHOOK_SECRET).update(body).digest("hex")}`;
      const { headers } = request;
      received.push({
        event: String(headers["x-github-event"]),
        guid: String(headers["x-github-delivery"]),
        isSigned: headers["x-hub-signature-256"] === expected,
        payload: JSON.parse(body.toString("utf8")),
      });
      response.writeHead(202).end("ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received,
    of: (event, action) =>
      received
        .filter((item) => item.event === event && (action === undefined || item.payload.action === action))
        .map((item) => item.payload),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface World {
  forge: Forge;
  dataDir: string;
  receiver: Receiver;
  app: { id: number; pem: string; slug: string };
  installationId: number;
  /** A client with a person's token. */
  as(login: string): Octokit;
  /** A client with an installation token. */
  asApp(): Promise<Octokit>;
  appToken(): Promise<string>;
  admin(path: string, body: unknown): Promise<any>;
  /** What was held against GitHub's description; `close` throws when something differed. */
  api: GitHubApi;
  /** Stops the forge and starts it again on the same port and data. */
  restart(changes?: Partial<ForgeOptions>): Promise<void>;
  close(): Promise<void>;
}

export const CALLER = `name: Adorable
run-name: Adorable \${{ inputs.phase }}
on:
  workflow_dispatch:
    inputs:
      phase: { required: true, type: string }
      mode: { type: choice, options: [pass, fail, hang, lines], default: pass }
permissions: {}
jobs:
  run:
    uses: adorable/platform/.github/workflows/run.yml@main
    permissions: { contents: write, id-token: write }
    with:
      phase: \${{ inputs.phase }}
      mode: \${{ inputs.mode }}
`;
const CALLED = `name: Run
on:
  workflow_call:
    inputs:
      phase: { required: true, type: string }
      mode: { required: true, type: string }
permissions: {}
jobs:
  work:
    if: inputs.phase == 'work'
    runs-on: ubuntu-latest
    permissions: { contents: write, id-token: write }
    outputs:
      word: \${{ steps.act.outputs.word }}
    steps:
      - id: act
        uses: adorable/platform/action@main
        with: { mode: "\${{ inputs.mode }}", phase: "\${{ inputs.phase }}" }
  after:
    needs: work
    if: always() && needs.work.outputs.word == 'spoken'
    runs-on: ubuntu-latest
    steps:
      - run: echo "word is \${{ needs.work.outputs.word }}"
  verify:
    if: inputs.phase == 'verify'
    runs-on: ubuntu-latest
    steps:
      - run: "true"
`;
const ACTION = `name: Test action
inputs:
  mode: { required: true }
  phase: { required: true }
  token: { default: "\${{ github.token }}" }
runs: { using: node24, main: dist/main.js }
`;
/** What a bundled action does, without the bundle: reads the runner's files, proves who it is, calls the API. */
const MAIN = `import { appendFileSync, readFileSync } from "node:fs";
import { spawn } from "node:child_process";
const env = process.env;
const mode = env.INPUT_MODE;
console.log("::add-mask::tell-nobody");
console.log("the secret is tell-nobody, the token is " + env.INPUT_TOKEN);
console.log("::group::facts");
const event = JSON.parse(readFileSync(env.GITHUB_EVENT_PATH, "utf8"));
console.log(JSON.stringify({ phase: env.INPUT_PHASE, repository: env.GITHUB_REPOSITORY, inputs: event.inputs, leaked: env.FORGE_TEST_LEAK ?? null, extra: env.EXTRA }));
console.log("::endgroup::");
const answer = await fetch(env.ACTIONS_ID_TOKEN_REQUEST_URL + "&audience=adorable", { headers: { authorization: "bearer " + env.ACTIONS_ID_TOKEN_REQUEST_TOKEN } });
appendFileSync(env.GITHUB_OUTPUT, "word<<END\\nspoken\\nEND\\n");
console.log("identity " + (await answer.json()).value);
const api = await fetch(env.GITHUB_API_URL + "/repos/" + env.GITHUB_REPOSITORY, { headers: { authorization: "token " + env.INPUT_TOKEN } });
console.log("api " + api.status);
if (mode === "fail") { console.log("::error file=src/a.ts,line=3,title=Wrong::it is%0Awrong"); process.exit(1); }
if (mode === "hang") {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
  child.unref();
  console.log("child " + child.pid);
  process.on("SIGINT", () => process.exit(130));
  setInterval(() => {}, 1000);
}
`;

export const PLATFORM_FILES = {
  ".github/workflows/run.yml": CALLED,
  "action/action.yml": ACTION,
  "action/package.json": '{"type":"module"}',
  "action/dist/main.js": MAIN,
};

export async function startWorld(changes: Partial<ForgeOptions["actions"]> = {}): Promise<World> {
  const dataDir = await mkdtemp(join(tmpdir(), "forge-"));
  const receiver = await startReceiver();
  const actions = { platformFiles: PLATFORM_FILES, env: { EXTRA: "given" }, ...changes };
  const adminToken = "admin";
  const api = openGitHubApi();
  const { observer } = api;
  let forge = await createForge({ dataDir, port: 0, adminToken, actions, observer });
  const { url } = forge;
  const admin = async (path: string, body: unknown): Promise<any> => {
    const response = await fetch(`${url}/_forge/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${adminToken}` },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  for (const login of ["ann", "wren", "rita"]) await admin("accounts", { login, token: `token-${login}` });
  await admin("repositories", { owner: "ann", name: "shop", files: { "README.md": "# Shop\n", ".github/workflows/adorable.yml": CALLER } });
  await admin("collaborators", { repository: "ann/shop", login: "wren", permission: "write" });
  await admin("collaborators", { repository: "ann/shop", login: "rita", permission: "read" });
  const app = await admin("apps", {
    slug: "adorable",
    owner: "ann",
    webhookUrl: receiver.url,
    webhookSecret: WEBHOOK_SECRET,
    permissions: {
      issues: "write",
      pull_requests: "write",
      contents: "write",
      checks: "write",
      statuses: "write",
      deployments: "write",
      actions: "write",
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
      "workflow_job",
      "workflow_dispatch",
      "deployment_status",
      "release",
      "repository",
      "create",
      "delete",
      "deployment",
      "label",
      "member",
      "status",
    ],
  });
  const installation = await admin("installations", { app: "adorable", owner: "ann", repositories: ["ann/shop"] });
  const client = (auth: string): Octokit =>
    new Octokit({ auth, baseUrl: `${url}/api/v3`, log: { debug() {}, info() {}, warn() {}, error() {} } });
  const appToken = async (): Promise<string> => {
    const answer = await client(appJwt(app.id, app.pem)).rest.apps.createInstallationAccessToken({ installation_id: installation.id });
    return answer.data.token;
  };
  return {
    get forge() {
      return forge;
    },
    dataDir,
    receiver,
    app,
    installationId: installation.id,
    api,
    admin,
    appToken,
    as: (login) => client(`token-${login}`),
    asApp: async () => client(await appToken()),
    async restart(optionChanges = {}) {
      await forge.close();
      forge = await createForge({ dataDir, port: Number(new URL(url).port), adminToken, actions, observer, ...optionChanges });
    },
    async close() {
      await forge.close();
      await receiver.close();
      await rm(dataDir, { recursive: true, force: true });
      api.assertTrue();
    },
  };
}

export function appJwt(id: number, pem: string, claims: Record<string, unknown> = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "RS256", typ: "JWT" })}.${encode({ iat: now - 30, exp: now + 300, iss: String(id), ...claims })}`;
  return `${body}.${createSign("RSA-SHA256").update(body).sign(pem, "base64url")}`;
}

/** False for a process that is gone, and for one that is dead and only waits to be collected. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/^\d+ \(.*\) [ZX]/.test(stat);
}

/** Runs git without the caller's configuration; rejects with what it printed. */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  const { code, out, errors } = await runGit(cwd, args);
  if (code !== 0) throw new Error(`git ${args.join(" ")}: ${errors}`);
  return out.trim();
}

/** As `git`, with what a person would be told, whether it went well or not. */
export async function gitTold(cwd: string, ...args: string[]): Promise<string> {
  return (await runGit(cwd, args)).errors;
}

function runGit(cwd: string, args: string[]): Promise<{ code: number | null; out: string; errors: string }> {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_NAME: "Wren",
    GIT_AUTHOR_EMAIL: "wren@example.com",
    GIT_COMMITTER_NAME: "Wren",
    GIT_COMMITTER_EMAIL: "wren@example.com",
  };
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd, env });
    let out = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, errors }));
  });
}

export function remote(url: string, fullName: string, user: string, token: string): string {
  return `${url.replace("://", `://${user}:${token}@`)}/${fullName}.git`;
}
