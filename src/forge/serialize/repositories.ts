/** JSON of repositories, commits, trees, files and refs, as GitHub documents them. */
import type { ForgeCore } from "../core.ts";
import type { CommitObject, FileChange, TreeEntry } from "../objects.ts";
import type { Repository, Role } from "../records.ts";
import { apiUrl, nodeId, userById, type Json } from "./common.ts";

export function repositoryUrl(core: ForgeCore, repository: Repository): string {
  return `${apiUrl(core)}/repos/${repository.fullName}`;
}

export function repositoryPage(core: ForgeCore, repository: Repository): string {
  return `${core.url}/${repository.fullName}`;
}

export function rolePermissions(role: Role): Json {
  const order: Role[] = ["read", "triage", "write", "maintain", "admin"];
  const has = (wanted: Role): boolean => order.indexOf(role) >= order.indexOf(wanted);
  return { admin: has("admin"), maintain: has("maintain"), push: has("write"), triage: has("triage"), pull: has("read") };
}

export function repositoryJson(core: ForgeCore, repository: Repository, role?: Role): Json {
  const url = repositoryUrl(core, repository);
  const page = repositoryPage(core, repository);
  const openIssues = core.state.issues(repository.id, { state: "open" }, { page: 1, perPage: 1 }).total;
  return {
    id: repository.id,
    node_id: nodeId("R", repository.id),
    name: repository.name,
    full_name: repository.fullName,
    private: repository.isPrivate,
    owner: userById(core, repository.ownerId),
    html_url: page,
    description: repository.description,
    fork: false,
    url,
    archive_url: `${url}/{archive_format}{/ref}`,
    assignees_url: `${url}/assignees{/user}`,
    blobs_url: `${url}/git/blobs{/sha}`,
    branches_url: `${url}/branches{/branch}`,
    collaborators_url: `${url}/collaborators{/collaborator}`,
    comments_url: `${url}/comments{/number}`,
    commits_url: `${url}/commits{/sha}`,
    compare_url: `${url}/compare/{base}...{head}`,
    contents_url: `${url}/contents/{+path}`,
    contributors_url: `${url}/contributors`,
    deployments_url: `${url}/deployments`,
    downloads_url: `${url}/downloads`,
    events_url: `${url}/events`,
    forks_url: `${url}/forks`,
    git_commits_url: `${url}/git/commits{/sha}`,
    git_refs_url: `${url}/git/refs{/sha}`,
    git_tags_url: `${url}/git/tags{/sha}`,
    git_url: `${page}.git`,
    hooks_url: `${url}/hooks`,
    issue_comment_url: `${url}/issues/comments{/number}`,
    issue_events_url: `${url}/issues/events{/number}`,
    issues_url: `${url}/issues{/number}`,
    keys_url: `${url}/keys{/key_id}`,
    labels_url: `${url}/labels{/name}`,
    languages_url: `${url}/languages`,
    merges_url: `${url}/merges`,
    milestones_url: `${url}/milestones{/number}`,
    notifications_url: `${url}/notifications{?since,all,participating}`,
    pulls_url: `${url}/pulls{/number}`,
    releases_url: `${url}/releases{/id}`,
    ssh_url: `${page}.git`,
    stargazers_url: `${url}/stargazers`,
    statuses_url: `${url}/statuses/{sha}`,
    subscribers_url: `${url}/subscribers`,
    subscription_url: `${url}/subscription`,
    tags_url: `${url}/tags`,
    teams_url: `${url}/teams`,
    trees_url: `${url}/git/trees{/sha}`,
    clone_url: `${page}.git`,
    svn_url: page,
    mirror_url: null,
    homepage: null,
    language: null,
    forks_count: 0,
    stargazers_count: 0,
    watchers_count: 0,
    size: 0,
    default_branch: repository.defaultBranch,
    open_issues_count: openIssues,
    is_template: false,
    topics: [],
    has_issues: true,
    has_projects: false,
    has_wiki: false,
    has_pages: false,
    has_downloads: false,
    has_discussions: false,
    archived: false,
    disabled: false,
    visibility: repository.isPrivate ? "private" : "public",
    pushed_at: repository.pushedAt,
    created_at: repository.createdAt,
    updated_at: repository.updatedAt,
    forks: 0,
    open_issues: openIssues,
    watchers: 0,
    license: null,
    allow_forking: false,
    web_commit_signoff_required: false,
    allow_merge_commit: true,
    allow_squash_merge: true,
    allow_rebase_merge: true,
    delete_branch_on_merge: false,
    ...(role === undefined ? {} : { permissions: rolePermissions(role) }),
  };
}

/** As GitHub shows a repository that was asked for itself. */
export function fullRepositoryJson(core: ForgeCore, repository: Repository, role?: Role): Json {
  return { ...repositoryJson(core, repository, role), network_count: 0, subscribers_count: 0 };
}

export function gitCommitJson(core: ForgeCore, repository: Repository, commit: CommitObject): Json {
  const url = repositoryUrl(core, repository);
  return {
    sha: commit.sha,
    node_id: nodeId("C", repository.id) + commit.sha,
    url: `${url}/git/commits/${commit.sha}`,
    html_url: `${repositoryPage(core, repository)}/commit/${commit.sha}`,
    author: commit.author,
    committer: commit.committer,
    tree: { sha: commit.tree, url: `${url}/git/trees/${commit.tree}` },
    message: commit.message,
    parents: parentsJson(core, repository, commit, "git/commits"),
    verification: { verified: false, reason: "unsigned", signature: null, payload: null, verified_at: null },
  };
}

/** As runs and pushes show a commit. */
export function briefCommitJson(commit: CommitObject): Json {
  const { name, email } = commit.author;
  return {
    id: commit.sha,
    tree_id: commit.tree,
    message: commit.message,
    timestamp: commit.committer.date,
    author: { name, email },
    committer: { name: commit.committer.name, email: commit.committer.email },
  };
}

function parentsJson(core: ForgeCore, repository: Repository, commit: CommitObject, kind: string): Json[] {
  return commit.parents.map((sha) => ({
    sha,
    url: `${repositoryUrl(core, repository)}/${kind}/${sha}`,
    html_url: `${repositoryPage(core, repository)}/commit/${sha}`,
  }));
}

export function commitJson(core: ForgeCore, repository: Repository, commit: CommitObject, files?: FileChange[]): Json {
  const url = repositoryUrl(core, repository);
  const { author, committer, tree, message, verification } = gitCommitJson(core, repository, commit);
  return {
    sha: commit.sha,
    node_id: nodeId("C", repository.id) + commit.sha,
    commit: { author, committer, message, tree, url: `${url}/git/commits/${commit.sha}`, comment_count: 0, verification },
    url: `${url}/commits/${commit.sha}`,
    html_url: `${repositoryPage(core, repository)}/commit/${commit.sha}`,
    comments_url: `${url}/commits/${commit.sha}/comments`,
    author: accountOfEmail(core, commit.author.email),
    committer: accountOfEmail(core, commit.committer.email),
    parents: parentsJson(core, repository, commit, "commits"),
    ...(files === undefined ? {} : { stats: statsOf(files), files: files.map((file) => fileJson(core, repository, commit.sha, file)) }),
  };
}

/** Commits name people by e-mail address; `<id>+<login>@users.noreply.…` is one of ours. */
function accountOfEmail(core: ForgeCore, email: string): Json | null {
  const login = /^\d+\+(.+)@users\.noreply\./.exec(email)?.[1];
  const account = login === undefined ? undefined : core.state.accountByLogin(login);
  return account === undefined ? null : userById(core, account.id);
}

function statsOf(files: FileChange[]): Json {
  const additions = files.reduce((sum, file) => sum + file.additions, 0);
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0);
  return { additions, deletions, total: additions + deletions };
}

export function fileJson(core: ForgeCore, repository: Repository, ref: string, file: FileChange): Json {
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  return {
    sha: file.sha,
    filename: file.path,
    status: file.status,
    additions: file.additions,
    deletions: file.deletions,
    changes: file.additions + file.deletions,
    blob_url: `${repositoryPage(core, repository)}/blob/${ref}/${path}`,
    raw_url: `${repositoryPage(core, repository)}/raw/${ref}/${path}`,
    contents_url: `${repositoryUrl(core, repository)}/contents/${path}?ref=${ref}`,
    ...(file.patch === null ? {} : { patch: file.patch }),
    ...(file.previousPath === null ? {} : { previous_filename: file.previousPath }),
  };
}

export function refJson(core: ForgeCore, repository: Repository, name: string, sha: string, type: string): Json {
  const url = repositoryUrl(core, repository);
  return {
    ref: name,
    node_id: nodeId("REF", repository.id) + Buffer.from(name).toString("base64url"),
    url: `${url}/git/${name}`,
    object: { type, sha, url: `${url}/git/${type}s/${sha}` },
  };
}

export function treeJson(core: ForgeCore, repository: Repository, sha: string, entries: TreeEntry[]): Json {
  const url = `${repositoryUrl(core, repository)}/git`;
  const tree = entries.map(({ path, mode, type, sha: id, size }) => ({
    path,
    mode,
    type,
    sha: id,
    ...(size === null ? {} : { size }),
    url: `${url}/${type === "tree" ? "trees" : "blobs"}/${id}`,
  }));
  return { sha, url: `${url}/trees/${sha}`, tree, truncated: false };
}

/** An entry of GET contents; `content` is there for a file that was asked for itself. */
export function contentJson(core: ForgeCore, repository: Repository, ref: string, entry: TreeEntry, content?: Buffer): Json {
  const url = repositoryUrl(core, repository);
  const path = entry.path.split("/").map(encodeURIComponent).join("/");
  const kind = entry.type === "tree" ? "tree" : "blob";
  const self = `${url}/contents/${path}?ref=${encodeURIComponent(ref)}`;
  const git = `${url}/git/${kind}s/${entry.sha}`;
  const html = `${repositoryPage(core, repository)}/${kind}/${ref}/${path}`;
  return {
    name: entry.path.slice(entry.path.lastIndexOf("/") + 1),
    path: entry.path,
    sha: entry.sha,
    size: entry.size ?? 0,
    url: self,
    html_url: html,
    git_url: git,
    download_url: kind === "blob" ? `${repositoryPage(core, repository)}/raw/${ref}/${path}` : null,
    type: entry.type === "tree" ? "dir" : entry.type === "commit" ? "submodule" : entry.mode === "120000" ? "symlink" : "file",
    ...(content === undefined ? {} : { content: content.toString("base64").replaceAll(/(.{60})/g, "$1\n"), encoding: "base64" }),
    _links: { self, git, html },
  };
}
