/** Routes of the git database: refs, commits, trees, blobs, tags. */
import { rm } from "node:fs/promises";
import { z } from "zod";
import { authorize, authorizeWrite, type Actor } from "../auth.ts";
import { requireMove } from "../branch-rules.ts";
import { deleteBranch } from "../branches.ts";
import { timestamp, type ForgeCore } from "../core.ts";
import { Fault, notFound } from "../faults.ts";
import { signatureOf } from "../merge.ts";
import { NO_COMMIT, objectsOf } from "../objects.ts";
import type { Account, Repository } from "../records.ts";
import { syncRefs } from "../refs.ts";
import { commitJson, gitCommitJson, refJson, repositoryUrl, treeJson } from "../serialize/repositories.ts";
import { bodyOf, listAnswer, pageOf, repositoryOf, slice, textParam, type Api, type Call } from "./http.ts";

const SHA = /^[0-9a-f]{40}$/;

export function gitRoutes(core: ForgeCore, api: Api): void {
  const reading = (c: Call): Repository => {
    const repository = repositoryOf(core, c);
    authorize(core, c.get("actor"), repository, { permission: "contents", level: "read" });
    return repository;
  };
  const writing = (c: Call): { repository: Repository; user: Account; actor: Actor } => {
    const repository = repositoryOf(core, c);
    const actor = c.get("actor");
    return { repository, actor, user: authorizeWrite(core, actor, repository, "contents", "write") };
  };
  const showRef = async (repository: Repository, name: string, sha: string) =>
    refJson(core, repository, name, sha, (await objectsOf(core.git, repository.id).type(sha)) ?? "commit");

  api.get("/repos/:owner/:repo/git/ref/:ref{.+}", async (c) => {
    const repository = reading(c);
    const name = `refs/${textParam(c, "ref").replace(/^refs\//, "")}`;
    const sha = (await objectsOf(core.git, repository.id).refs(name)).get(name);
    if (sha === undefined) throw notFound();
    return c.json(await showRef(repository, name, sha));
  });
  api.get("/repos/:owner/:repo/git/matching-refs/:ref{.+}", async (c) => {
    const repository = reading(c);
    const prefix = `refs/${textParam(c, "ref").replace(/^refs\//, "")}`;
    const all = [...(await objectsOf(core.git, repository.id).refs("refs/heads", "refs/tags"))].filter(([name]) => name.startsWith(prefix));
    const page = slice(await Promise.all(all.map(([name, sha]) => showRef(repository, name, sha))), pageOf(c));
    return listAnswer(core, c, page, (ref) => ref);
  });
  api.post("/repos/:owner/:repo/git/refs", async (c) => {
    const { repository, user, actor } = writing(c);
    const { ref, sha } = await bodyOf(c, z.object({ ref: z.string(), sha: z.string() }));
    if (!/^refs\/(heads|tags)\/.+/.test(ref)) throw new Fault(422, "Reference name must be a valid ref under refs/heads or refs/tags");
    await core.lock(`repository:${repository.id}`, async () => {
      const objects = objectsOf(core.git, repository.id);
      if (!SHA.test(sha) || (await objects.type(sha)) === undefined) throw new Fault(422, "Object does not exist");
      if ((await objects.refs(ref)).has(ref)) throw new Fault(422, "Reference already exists");
      requireMove(core, actor, repository, { ref, before: NO_COMMIT, after: sha, isForced: false }, 422);
      await objects.updateRef(ref, sha, NO_COMMIT).catch(() => {
        throw new Fault(422, "Reference update failed");
      });
      await syncRefs(core, repository.id, user);
    });
    return c.json(await showRef(repository, ref, sha), 201);
  });
  api.patch("/repos/:owner/:repo/git/refs/:ref{.+}", async (c) => {
    const { repository, user, actor } = writing(c);
    const name = `refs/${textParam(c, "ref")}`;
    const { sha, force = false } = await bodyOf(c, z.object({ sha: z.string(), force: z.boolean().optional() }));
    await core.lock(`repository:${repository.id}`, async () => {
      const objects = objectsOf(core.git, repository.id);
      const before = (await objects.refs(name)).get(name);
      if (before === undefined) throw new Fault(422, "Reference does not exist");
      if (!SHA.test(sha) || (await objects.type(sha)) === undefined) throw new Fault(422, "Object does not exist");
      const isForced = !(await objects.isAncestor(before, sha));
      if (!force && isForced) throw new Fault(422, "Update is not a fast forward");
      requireMove(core, actor, repository, { ref: name, before, after: sha, isForced }, 422);
      await objects.updateRef(name, sha, before).catch(() => {
        throw new Fault(409, "Reference cannot be updated");
      });
      await syncRefs(core, repository.id, user);
    });
    return c.json(await showRef(repository, name, sha));
  });
  api.delete("/repos/:owner/:repo/git/refs/:ref{.+}", async (c) => {
    await deleteBranch(core, c.get("actor"), repositoryOf(core, c), `refs/${textParam(c, "ref")}`);
    return c.body(null, 204);
  });

  api.get("/repos/:owner/:repo/git/commits/:sha", async (c) => {
    const repository = reading(c);
    const objects = objectsOf(core.git, repository.id);
    const sha = textParam(c, "sha");
    if (!SHA.test(sha) || (await objects.type(sha)) !== "commit") throw notFound();
    return c.json(gitCommitJson(core, repository, await objects.commit(sha)));
  });
  const person = z.object({ name: z.string(), email: z.string(), date: z.string().optional() });
  api.post("/repos/:owner/:repo/git/commits", async (c) => {
    const { repository, user } = writing(c);
    const wanted = await bodyOf(
      c,
      z.object({
        message: z.string(),
        tree: z.string(),
        parents: z.array(z.string()).default([]),
        author: person.optional(),
        committer: person.optional(),
      }),
    );
    const objects = objectsOf(core.git, repository.id);
    if (!SHA.test(wanted.tree) || (await objects.type(wanted.tree)) !== "tree") throw new Fault(422, "Tree SHA does not exist");
    for (const parent of wanted.parents)
      if (!SHA.test(parent) || (await objects.type(parent)) !== "commit")
        throw new Fault(422, "Parent SHA does not exist or is not a commit object");
    const author = { ...signatureOf(user), ...wanted.author, date: wanted.author?.date ?? timestamp() };
    const committer = { ...author, ...wanted.committer, date: wanted.committer?.date ?? author.date };
    const { tree, parents, message } = wanted;
    const sha = await objects.writeCommit({ tree, parents, message, author, committer });
    return c.json(gitCommitJson(core, repository, await objects.commit(sha)), 201);
  });
  api.get("/repos/:owner/:repo/git/trees/:sha{.+}", async (c) => {
    const repository = reading(c);
    const objects = objectsOf(core.git, repository.id);
    const name = textParam(c, "sha");
    const treeish = SHA.test(name) && (await objects.type(name)) === "tree" ? name : await objects.resolve(name);
    if (treeish === undefined) throw notFound();
    const sha = await core.git.text(repository.id, ["rev-parse", `${treeish}^{tree}`]);
    return c.json(treeJson(core, repository, sha, await objects.tree(sha, c.req.query("recursive") !== undefined)));
  });
  const treeEntry = z.object({
    path: z.string(),
    mode: z.enum(["100644", "100755", "040000", "160000", "120000"]),
    type: z.enum(["blob", "tree", "commit"]).optional(),
    sha: z.string().nullish(),
    content: z.string().optional(),
  });
  api.post("/repos/:owner/:repo/git/trees", async (c) => {
    const { repository } = writing(c);
    const wanted = await bodyOf(c, z.object({ base_tree: z.string().optional(), tree: z.array(treeEntry) }));
    const objects = objectsOf(core.git, repository.id);
    const env = { GIT_INDEX_FILE: `${core.dataDir}/tmp/index-${crypto.randomUUID()}` };
    await core.git.run(repository.id, wanted.base_tree === undefined ? ["read-tree", "--empty"] : ["read-tree", wanted.base_tree], { env });
    let input = "";
    for (const entry of wanted.tree) {
      const sha = entry.content === undefined ? entry.sha : await objects.writeBlob(Buffer.from(entry.content));
      input += `${sha === null || sha === undefined ? `0 ${NO_COMMIT}` : `${entry.mode} ${sha}`}\t${entry.path}\0`;
    }
    await core.git.run(repository.id, ["update-index", "-z", "--index-info"], { env, input }).catch(() => {
      throw new Fault(422, "tree contains an invalid entry");
    });
    const sha = await core.git.text(repository.id, ["write-tree"], { env });
    await rm(env.GIT_INDEX_FILE, { force: true });
    return c.json(treeJson(core, repository, sha, await objects.tree(sha)), 201);
  });
  api.get("/repos/:owner/:repo/git/blobs/:sha", async (c) => {
    const repository = reading(c);
    const objects = objectsOf(core.git, repository.id);
    const sha = textParam(c, "sha");
    if (!SHA.test(sha) || (await objects.type(sha)) !== "blob") throw notFound();
    const content = await objects.blob(sha);
    if (/\braw\b/.test(c.req.header("accept") ?? ""))
      return c.body(new Uint8Array(content), 200, { "content-type": "application/octet-stream" });
    return c.json({
      sha,
      node_id: sha,
      size: content.length,
      url: `${repositoryUrl(core, repository)}/git/blobs/${sha}`,
      content: content.toString("base64"),
      encoding: "base64",
    });
  });
  api.post("/repos/:owner/:repo/git/blobs", async (c) => {
    const { repository } = writing(c);
    const { content, encoding = "utf-8" } = await bodyOf(
      c,
      z.object({ content: z.string(), encoding: z.enum(["utf-8", "base64"]).optional() }),
    );
    const sha = await objectsOf(core.git, repository.id).writeBlob(Buffer.from(content, encoding === "base64" ? "base64" : "utf8"));
    return c.json({ sha, url: `${repositoryUrl(core, repository)}/git/blobs/${sha}` }, 201);
  });
  const newTag = z.object({
    tag: z.string(),
    message: z.string(),
    object: z.string(),
    type: z.enum(["commit", "tree", "blob"]),
    tagger: person.optional(),
  });
  api.post("/repos/:owner/:repo/git/tags", async (c) => {
    const { repository, user } = writing(c);
    const wanted = await bodyOf(c, newTag);
    const objects = objectsOf(core.git, repository.id);
    if (!SHA.test(wanted.object) || (await objects.type(wanted.object)) !== wanted.type) throw new Fault(422, "Object does not exist");
    const tagger = { ...signatureOf(user), ...wanted.tagger };
    const seconds = Math.floor(new Date(tagger.date ?? timestamp()).getTime() / 1000);
    const input = `object ${wanted.object}\ntype ${wanted.type}\ntag ${wanted.tag}\ntagger ${tagger.name} <${tagger.email}> ${seconds} +0000\n\n${wanted.message}\n`;
    const sha = await core.git.text(repository.id, ["mktag"], { input }).catch(() => {
      throw new Fault(422, `"${wanted.tag}" is not a valid tag`);
    });
    const { tag, message, object, type } = wanted;
    const base = `${repositoryUrl(core, repository)}/git`;
    const { verification } = gitCommitJson(core, repository, await objects.commit(repository.defaultBranch));
    return c.json(
      {
        node_id: sha,
        tag,
        sha,
        url: `${base}/tags/${sha}`,
        message,
        tagger,
        object: { type, sha: object, url: `${base}/${type}s/${object}` },
        verification,
      },
      201,
    );
  });
  api.get("/repos/:owner/:repo/git/tags/:sha", async (c) => {
    const repository = reading(c);
    const sha = textParam(c, "sha");
    if (!SHA.test(sha) || (await objectsOf(core.git, repository.id).type(sha)) !== "tag") throw notFound();
    const text = await core.git.text(repository.id, ["cat-file", "tag", sha]);
    const field = (name: string): string => new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1] ?? "";
    const tagger = /^(.*) <(.*)> (\d+)/.exec(field("tagger"));
    const base = `${repositoryUrl(core, repository)}/git`;
    return c.json({
      node_id: sha,
      sha,
      url: `${base}/tags/${sha}`,
      tag: field("tag"),
      message: text.slice(text.indexOf("\n\n") + 2),
      tagger: { name: tagger?.[1] ?? "", email: tagger?.[2] ?? "", date: timestamp(Number(tagger?.[3] ?? 0) * 1000) },
      object: { sha: field("object"), type: field("type"), url: `${base}/${field("type")}s/${field("object")}` },
    });
  });
  api.get("/repos/:owner/:repo/tags", async (c) => {
    const repository = reading(c);
    const objects = objectsOf(core.git, repository.id);
    const names = [...(await objects.refs("refs/tags")).keys()].reverse();
    const { items, total } = slice(names, pageOf(c));
    const tags = await Promise.all(
      items.map(async (ref) => ({ name: ref.slice("refs/tags/".length), sha: (await objects.resolve(ref)) ?? "" })),
    );
    return listAnswer(core, c, { items: tags, total }, ({ name, sha }: { name: string; sha: string }) => ({
      name,
      commit: { sha, url: `${repositoryUrl(core, repository)}/commits/${sha}` },
      node_id: sha,
      zipball_url: `${repositoryUrl(core, repository)}/zipball/refs/tags/${name}`,
      tarball_url: `${repositoryUrl(core, repository)}/tarball/refs/tags/${name}`,
    }));
  });

  /** Last: its pattern takes any ref, so that the narrower routes below /commits come before it. */
  api.get("/repos/:owner/:repo/commits/:ref{.+}", async (c) => {
    const repository = reading(c);
    const objects = objectsOf(core.git, repository.id);
    const sha = await objects.resolve(textParam(c, "ref"));
    if (sha === undefined) throw new Fault(422, `No commit found for SHA: ${textParam(c, "ref")}`);
    if (/\bsha\b/.test(c.req.header("accept") ?? "")) return c.text(sha);
    const commit = await objects.commit(sha);
    const [parent] = commit.parents;
    const files = await objects.changes(parent ?? "4b825dc642cb6eb9a060e54bf8d69288fbee4904", sha);
    return c.json(commitJson(core, repository, commit, files));
  });
}
