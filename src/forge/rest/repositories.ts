/** Routes of repositories: themselves, contents, branches, commits, comparisons, collaborators. */
import { z } from "zod";
import { authorize, authorizeWrite, isVisible } from "../auth.ts";
import { requireMove } from "../branch-rules.ts";
import type { ForgeCore } from "../core.ts";
import { Fault, notFound } from "../faults.ts";
import { NO_COMMIT, objectsOf } from "../objects.ts";
import type { Repository, Role } from "../records.ts";
import { createRepository, deleteRepository, editRepository, writeFiles } from "../repositories.ts";
import { apiUrl, fullUserJson } from "../serialize/common.ts";
import { pullSummaryJson } from "../serialize/pulls.ts";
import {
  commitJson,
  contentJson,
  fileJson,
  fullRepositoryJson,
  gitCommitJson,
  repositoryJson,
  repositoryPage,
  repositoryUrl,
} from "../serialize/repositories.ts";
import { accountOf, bodyOf, linkPages, listAnswer, pageOf, repositoryOf, slice, textParam, type Api, type Call } from "./http.ts";

const CONTENTS = { permission: "contents", level: "read" } as const;

export function repositoryRoutes(core: ForgeCore, api: Api): void {
  const roleOf = (c: Call, repository: Repository): Role => core.state.role(repository, c.get("actor").account);
  const contents = (c: Call): Repository => {
    const repository = repositoryOf(core, c);
    authorize(core, c.get("actor"), repository, CONTENTS);
    return repository;
  };

  api.get("/user", (c) => c.json(fullUserJson(core, accountOf(c), true)));
  api.get("/users/:login", (c) => {
    const account = core.state.accountByLogin(textParam(c, "login"));
    if (account === undefined) throw notFound();
    return c.json(fullUserJson(core, account, false));
  });
  const newRepository = z.object({
    name: z.string(),
    private: z.boolean().optional(),
    description: z.string().nullish(),
    auto_init: z.boolean().optional(),
  });
  api.post("/user/repos", async (c) => {
    const actor = c.get("actor");
    const owner = accountOf(c);
    if (actor.kind !== "user") throw new Fault(403, "Resource not accessible by integration");
    const { name, private: isPrivate = false, description = null, auto_init: withReadme = false } = await bodyOf(c, newRepository);
    const repository = await createRepository(core, owner, { name, isPrivate, description, withReadme });
    return c.json(fullRepositoryJson(core, repository, "admin"), 201);
  });
  api.get("/user/repos", (c) => {
    const account = accountOf(c);
    const mine = core.state
      .repositories(account)
      .filter(
        (repository) =>
          repository.ownerId === account.id || core.state.collaborators(repository.id).some((item) => item.accountId === account.id),
      );
    return listAnswer(core, c, slice(mine, pageOf(c)), (repository) => repositoryJson(core, repository, roleOf(c, repository)));
  });
  api.get("/users/:login/repos", (c) => {
    const account = core.state.accountByLogin(textParam(c, "login"));
    if (account === undefined) throw notFound();
    const visible = core.state.repositoriesOf(account.id).items.filter((repository) => isVisible(core, c.get("actor"), repository));
    return listAnswer(core, c, slice(visible, pageOf(c)), (repository) => repositoryJson(core, repository));
  });
  api.get("/repositories/:id", (c) => {
    const repository = core.state.repositoryById(Number(textParam(c, "id")));
    if (repository === undefined || !isVisible(core, c.get("actor"), repository)) throw notFound();
    return c.json(fullRepositoryJson(core, repository, roleOf(c, repository)));
  });

  api.get("/repos/:owner/:repo", (c) => {
    const repository = repositoryOf(core, c);
    return c.json(fullRepositoryJson(core, repository, roleOf(c, repository)));
  });
  const repositoryEdit = z.object({
    description: z.string().nullish(),
    default_branch: z.string().optional(),
    private: z.boolean().optional(),
  });
  api.patch("/repos/:owner/:repo", async (c) => {
    const repository = repositoryOf(core, c);
    const edit = await bodyOf(c, repositoryEdit);
    const { description, default_branch: defaultBranch, private: isPrivate } = edit;
    const edited = await editRepository(core, c.get("actor"), repository, { description, defaultBranch, isPrivate });
    return c.json(fullRepositoryJson(core, edited, roleOf(c, repository)));
  });
  api.delete("/repos/:owner/:repo", async (c) => {
    const repository = repositoryOf(core, c);
    const user = authorizeWrite(core, c.get("actor"), repository, "administration", "admin");
    await deleteRepository(core, user, repository);
    return c.body(null, 204);
  });

  const showContent = async (c: Call, path: string): Promise<Response> => {
    const repository = contents(c);
    const objects = objectsOf(core.git, repository.id);
    const ref = c.req.query("ref") ?? repository.defaultBranch;
    const sha = await objects.resolve(ref);
    if (sha === undefined)
      throw core.state.branches(repository.id).length === 0
        ? new Fault(404, "This repository is empty.")
        : new Fault(404, `No commit found for the ref ${ref}`);
    const clean = path.replaceAll(/^\/+|\/+$/g, "");
    const entry = clean === "" ? undefined : await objects.entry(sha, clean);
    if (clean !== "" && entry === undefined) throw notFound();
    if (entry === undefined || entry.type === "tree") {
      const entries = await objects.tree(clean === "" ? sha : `${sha}:${clean}`);
      const prefix = clean === "" ? "" : `${clean}/`;
      return c.json(entries.map((item) => contentJson(core, repository, ref, { ...item, path: prefix + item.path })));
    }
    const content = entry.type === "blob" ? await objects.blob(entry.sha) : undefined;
    if (content !== undefined && /\braw\b/.test(c.req.header("accept") ?? ""))
      return c.body(new Uint8Array(content), 200, { "content-type": "application/octet-stream" });
    return c.json(contentJson(core, repository, ref, entry, content));
  };
  api.get("/repos/:owner/:repo/contents", (c) => showContent(c, ""));
  api.get("/repos/:owner/:repo/contents/:path{.+}", (c) => showContent(c, textParam(c, "path")));

  const person = z.object({ name: z.string(), email: z.string() }).partial();
  const fileWrite = z.object({
    message: z.string(),
    content: z.string().optional(),
    sha: z.string().optional(),
    branch: z.string().optional(),
    author: person.optional(),
  });
  const writeContent = async (c: Call, isRemoval: boolean): Promise<Response> => {
    const repository = repositoryOf(core, c);
    const actor = c.get("actor");
    const user = authorizeWrite(core, actor, repository, "contents", "write");
    const write = await bodyOf(c, fileWrite);
    const path = textParam(c, "path").replaceAll(/^\/+|\/+$/g, "");
    if (path.split("/").some((part) => part === "" || part === "." || part === ".." || part.toLowerCase() === ".git"))
      throw new Fault(422, "path contains a malformed path component");
    if (path.startsWith(".github/workflows/") && actor.kind === "integration" && actor.permissions["workflows"] !== "write")
      throw new Fault(403, "Resource not accessible by integration");
    const branch = write.branch ?? repository.defaultBranch;
    const objects = objectsOf(core.git, repository.id);
    const tip = await objects.resolve(`refs/heads/${branch}`);
    if (tip === undefined && core.state.branches(repository.id).length > 0) throw new Fault(404, `Branch ${branch} not found`);
    const known = tip === undefined ? undefined : await objects.entry(tip, path);
    if (known === undefined && isRemoval) throw notFound();
    if (known !== undefined && write.sha === undefined) throw new Fault(422, 'Invalid request.\n\n"sha" wasn\'t supplied.');
    if (write.sha !== undefined && known?.sha !== write.sha) throw new Fault(409, `${path} does not match ${write.sha}`);
    if (!isRemoval && write.content === undefined) throw new Fault(422, 'Invalid request.\n\n"content" wasn\'t supplied.');
    requireMove(core, actor, repository, { ref: `refs/heads/${branch}`, before: tip ?? NO_COMMIT, after: undefined, isForced: false }, 409);
    const content = isRemoval ? null : Buffer.from(write.content ?? "", "base64");
    const author = {
      ...(write.author?.name === undefined ? {} : { name: write.author.name }),
      ...(write.author?.email === undefined ? {} : { email: write.author.email }),
    };
    const sha =
      (await writeFiles(core, repository, user, { branch, message: write.message, files: { [path]: content }, author })) ?? tip ?? "";
    const entry = await objects.entry(sha, path);
    const body = {
      content: entry === undefined ? null : contentJson(core, repository, branch, entry),
      commit: gitCommitJson(core, repository, await objects.commit(sha)),
    };
    return c.json(body, known === undefined ? 201 : 200);
  };
  api.put("/repos/:owner/:repo/contents/:path{.+}", (c) => writeContent(c, false));
  api.delete("/repos/:owner/:repo/contents/:path{.+}", (c) => writeContent(c, true));

  api.get("/repos/:owner/:repo/branches", (c) => {
    const repository = contents(c);
    return listAnswer(core, c, slice(core.state.branches(repository.id), pageOf(c)), ({ name, sha }) => ({
      name,
      commit: { sha, url: `${repositoryUrl(core, repository)}/commits/${sha}` },
      protected: false,
    }));
  });
  api.get("/repos/:owner/:repo/branches/:branch{.+}", async (c) => {
    const repository = contents(c);
    const name = textParam(c, "branch");
    const sha = core.state.ref(repository.id, `refs/heads/${name}`);
    if (sha === undefined) throw new Fault(404, "Branch not found");
    const self = `${repositoryUrl(core, repository)}/branches/${encodeURIComponent(name)}`;
    return c.json({
      name,
      commit: commitJson(core, repository, await objectsOf(core.git, repository.id).commit(sha)),
      _links: { self, html: `${repositoryPage(core, repository)}/tree/${name}` },
      protected: false,
      protection: { enabled: false, required_status_checks: { enforcement_level: "off", contexts: [], checks: [] } },
      protection_url: `${self}/protection`,
    });
  });

  api.get("/repos/:owner/:repo/commits", async (c) => {
    const repository = contents(c);
    const objects = objectsOf(core.git, repository.id);
    const sha = await objects.resolve(c.req.query("sha") ?? repository.defaultBranch);
    if (sha === undefined) throw core.state.branches(repository.id).length === 0 ? new Fault(409, "Git Repository is empty.") : notFound();
    const { page, perPage } = pageOf(c);
    const { path, since, until, author } = c.req.query();
    const only = {
      ...(path === undefined ? {} : { path }),
      ...(since === undefined ? {} : { since: secondsOf(since) }),
      ...(until === undefined ? {} : { until: secondsOf(until) }),
      ...(author === undefined ? {} : { author: authorPattern(core, author) }),
    };
    linkPages(core, c, await objects.count(sha, only));
    const commits = await objects.log(sha, { ...only, limit: perPage, skip: (page - 1) * perPage });
    return c.json(commits.map((commit) => commitJson(core, repository, commit)));
  });
  api.get("/repos/:owner/:repo/commits/:sha/pulls", (c) => {
    const repository = contents(c);
    const sha = textParam(c, "sha");
    const pulls = core.state.pulls(repository.id).items.filter((pull) => pull.headSha === sha || pull.mergeCommitSha === sha);
    return listAnswer(core, c, slice(pulls, pageOf(c)), (pull) => pullSummaryJson(core, repository, pull));
  });
  api.get("/repos/:owner/:repo/compare/:range{.+}", async (c) => {
    const repository = contents(c);
    const objects = objectsOf(core.git, repository.id);
    const [from = "", to = ""] = textParam(c, "range")
      .split("...")
      .map((name) => name.replace(`${repository.owner}:`, ""));
    const [base, head] = await Promise.all([objects.resolve(from), objects.resolve(to)]);
    if (base === undefined || head === undefined) throw notFound();
    const fork = await objects.mergeBase(base, head);
    if (fork === undefined) throw new Fault(404, `No common ancestor between ${from} and ${to}.`);
    const [ahead, behind, commits, files] = await Promise.all([
      objects.count(`${base}..${head}`),
      objects.count(`${head}..${base}`),
      objects.log(`${base}..${head}`, { limit: 250, reverse: true }),
      objects.changes(fork, head),
    ]);
    const status = ahead > 0 && behind > 0 ? "diverged" : ahead > 0 ? "ahead" : behind > 0 ? "behind" : "identical";
    const page = `${repositoryPage(core, repository)}/compare/${from}...${to}`;
    return c.json({
      url: `${repositoryUrl(core, repository)}/compare/${from}...${to}`,
      html_url: page,
      permalink_url: page,
      diff_url: `${page}.diff`,
      patch_url: `${page}.patch`,
      base_commit: commitJson(core, repository, await objects.commit(base)),
      merge_base_commit: commitJson(core, repository, await objects.commit(fork)),
      status,
      ahead_by: ahead,
      behind_by: behind,
      total_commits: ahead,
      commits: commits.map((commit) => commitJson(core, repository, commit)),
      files: files.slice(0, 300).map((file) => fileJson(core, repository, head, file)),
    });
  });

  api.get("/", (c) => c.json({ current_user_url: `${apiUrl(core)}/user`, repository_url: `${apiUrl(core)}/repos/{owner}/{repo}` }));
  api.get("/meta", (c) => c.json({ verifiable_password_authentication: false, installed_version: "3.17.0" }));
  api.get("/rate_limit", (c) => {
    const rate = core.rates.rate(c.get("actor").account);
    return c.json({ resources: { core: rate, search: rate }, rate });
  });
}

/** A login stands in its commits' address; anything else is looked for as it is. */
function authorPattern(core: ForgeCore, author: string): string {
  const account = core.state.accountByLogin(author);
  return account === undefined ? author : `${account.id}+${account.login}@`;
}

/** As git reads times of any year. Throws 422 for what is none. */
function secondsOf(time: string): string {
  const at = Date.parse(time);
  if (Number.isNaN(at)) throw new Fault(422, `Invalid request.\n\n"${time}" is not a valid date-time.`);
  return `@${Math.floor(at / 1000)}`;
}
