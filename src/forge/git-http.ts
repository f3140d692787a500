/** Git over HTTP: checks who may read or push, hands the request to `git http-backend`, and announces what a push changed. */
import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { ANONYMOUS, authenticate, authorize, isVisible, type Actor } from "./auth.ts";
import type { ForgeCore } from "./core.ts";
import { Fault } from "./faults.ts";
import { gitEnvironment } from "./git.ts";
import { readCommands, verdictOn } from "./push-commands.ts";
import type { Repository } from "./records.ts";
import { syncRefs } from "./refs.ts";
import { listRulesets } from "./rulesets.ts";

const ROUTE = /^\/([\w.-]+)\/([\w.-]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/;

export function isGitRequest(path: string): boolean {
  return ROUTE.test(path);
}

/** Serves one request to its end. */
export async function serveGit(core: ForgeCore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", core.url);
  const [, owner = "", name = "", service = ""] = ROUTE.exec(url.pathname) ?? [];
  const isPush = service === "git-receive-pack" || url.searchParams.get("service") === "git-receive-pack";
  let actor: Actor = ANONYMOUS;
  let repository: Repository;
  try {
    actor = await authenticate(core, request.headers.authorization);
    repository = admit(core, actor, owner, name, isPush);
  } catch (error) {
    refuse(response, error);
    return;
  }
  let push: Push = { body: request, read: Buffer.alloc(0), env: {} };
  if (service === "git-receive-pack" && listRulesets(core, repository.id).some(({ enforcement }) => enforcement === "active")) {
    try {
      push = await judge(core, actor, repository, request);
    } catch (error) {
      refuse(response, error);
      return;
    }
  }
  if (isPush && actor.account !== null) core.db.update("repositories", repository.id, { lastPusherId: actor.account.id });
  await runBackend(core, request, response, repository, actor, { query: url.search.slice(1), service, push });
  // The client hears the end only after the push is announced: what it asks next already sees its refs.
  if (service === "git-receive-pack") await core.lock(`repository:${repository.id}`, () => syncRefs(core, repository.id, actor.account));
  response.end();
}

interface Push {
  body: Readable;
  /** Of the body; git gets it first. */
  read: Buffer;
  /** For the hook. */
  env: Record<string, string>;
}

/** Where branches have rules: what the push wants is known before git takes it. */
async function judge(core: ForgeCore, actor: Actor, repository: Repository, request: IncomingMessage): Promise<Push> {
  const body = request.headers["content-encoding"] === "gzip" ? request.pipe(createGunzip()) : request;
  const broken = new Promise<never>((_, reject) => body.once("error", () => reject(new Fault(400, "The push could not be read."))));
  broken.catch(() => undefined);
  const { commands, read } = await Promise.race([readCommands(body), broken]);
  return { body, read, env: verdictOn(core, actor, repository, commands) };
}

function admit(core: ForgeCore, actor: Actor, owner: string, name: string, isPush: boolean): Repository {
  const repository = core.state.repository(owner, name);
  const isHidden = repository === undefined || (actor.kind !== "app" && !isVisible(core, actor, repository));
  if (isHidden) throw actor.kind === "anonymous" ? new Fault(401, "Authentication required") : new Fault(404, "Repository not found.");
  if (isPush && actor.kind === "anonymous") throw new Fault(401, "Authentication required");
  try {
    authorize(core, actor, repository, { permission: "contents", level: isPush ? "write" : "read" });
  } catch {
    throw new Fault(403, `Permission to ${repository.fullName}.git denied to ${actor.account?.login ?? "anonymous"}.`);
  }
  return repository;
}

function refuse(response: ServerResponse, error: unknown): void {
  const fault = error instanceof Fault ? error : new Fault(500, "Server Error");
  const challenge = fault.status === 401 ? { "www-authenticate": 'Basic realm="GitHub"' } : {};
  response.writeHead(fault.status, { "content-type": "text/plain", connection: "close", ...challenge }).end(`${fault.message}\n`);
}

function runBackend(
  core: ForgeCore,
  request: IncomingMessage,
  response: ServerResponse,
  repository: Repository,
  actor: Actor,
  { query, service, push }: { query: string; service: string; push: Push },
): Promise<void> {
  const { headers } = request;
  const isUnpacked = push.body !== request;
  const mayChangeWorkflows = actor.kind !== "integration" || actor.permissions["workflows"] === "write";
  const optional: Record<string, string | undefined> = {
    CONTENT_TYPE: headers["content-type"],
    CONTENT_LENGTH: isUnpacked ? undefined : headers["content-length"],
    HTTP_CONTENT_ENCODING: isUnpacked ? undefined : headers["content-encoding"],
    GIT_PROTOCOL: headers["git-protocol"]?.toString(),
  };
  const env: Record<string, string> = {
    ...gitEnvironment(),
    ...push.env,
    GIT_PROJECT_ROOT: core.git.root,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: `/${repository.id}.git/${service}`,
    QUERY_STRING: query,
    REQUEST_METHOD: request.method ?? "GET",
    REMOTE_USER: actor.account?.login ?? "",
    REMOTE_ADDR: request.socket.remoteAddress ?? "",
    FORGE_MAY_CHANGE_WORKFLOWS: mayChangeWorkflows ? "1" : "0",
  };
  for (const [key, value] of Object.entries(optional)) if (value !== undefined) env[key] = value;

  return new Promise((resolve) => {
    const child = spawn("git", ["http-backend"], { env, stdio: ["pipe", "pipe", "pipe"] });
    let stderr = "";
    let head: Buffer | undefined = Buffer.alloc(0);
    child.stderr.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString("utf8")).slice(-4000)));
    child.stdin.on("error", () => undefined); // the backend may refuse before it has read the body
    child.on("error", (error) => {
      core.log(`git http-backend did not start: ${error.message}`);
      if (!response.headersSent) refuse(response, error);
      resolve();
    });
    child.stdin.write(push.read);
    push.body.pipe(child.stdin);
    request.on("aborted", () => child.stdin.destroy());
    child.stdout.on("data", (chunk: Buffer) => {
      if (head === undefined) {
        if (!response.write(chunk)) {
          child.stdout.pause();
          response.once("drain", () => child.stdout.resume());
        }
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) return;
      writeHead(response, head.subarray(0, end).toString("latin1"));
      response.write(head.subarray(end + 4));
      head = undefined;
    });
    response.on("close", () => child.stdout.resume());
    child.on("close", (code) => {
      if (code !== 0) core.log(`git http-backend ended with ${code}: ${stderr.trim()}`);
      if (head !== undefined && !response.headersSent) refuse(response, new Error(stderr));
      resolve();
    });
  });
}

function writeHead(response: ServerResponse, head: string): void {
  let status = 200;
  const headers: Record<string, string> = {};
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "status") status = Number(value.slice(0, 3));
    else headers[name] = value;
  }
  response.writeHead(status, headers);
}
