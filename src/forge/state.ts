/** Reads the forge's state: every query that pages, routes and rooms ask. Writes nothing. Paged lists are newest first unless they say otherwise. */
import type { Db, Value } from "./db.ts";
import type {
  Account,
  Annotation,
  App,
  CheckRun,
  CheckSuite,
  Comment,
  CommitStatus,
  Deployment,
  DeploymentStatus,
  Environment,
  Installation,
  Issue,
  Label,
  PullRequest,
  Reaction,
  ReactionSubject,
  Release,
  Repository,
  Review,
  ReviewComment,
  Role,
  TimelineEntry,
  Workflow,
  WorkflowJob,
  WorkflowRun,
} from "./records.ts";

export interface Page {
  /** From 1. */
  page: number;
  perPage: number;
}
export interface Listed<T> {
  items: T[];
  total: number;
}

const EVERYTHING: Page = { page: 1, perPage: 1_000_000 };
const REPOSITORY = `select r.id, r.ownerId, a.login as owner, r.name, a.login || '/' || r.name as fullName, r.isPrivate, r.description, r.defaultBranch,
  r.lastPusherId, r.createdAt, r.updatedAt, r.pushedAt from repositories r join accounts a on a.id = r.ownerId`;
const ISSUE_COLUMNS = `i.id, i.repositoryId, i.number, i.isPull, i.title, i.body, i.state, i.stateReason, i.userId, i.isLocked, i.createdAt, i.updatedAt,
  i.closedAt, i.closedById, (select count(*) from comments c where c.issueId = i.id) as commentCount`;
const PULL_COLUMNS = `${ISSUE_COLUMNS}, p.headRef, p.headSha, p.baseRef, p.baseSha, p.isDraft, p.isMerged, p.mergedAt, p.mergedById, p.mergeCommitSha,
  p.mergeMethod, p.isMergeable, p.testMergeSha, p.commits, p.additions, p.deletions, p.changedFiles, p.revertsNumber`;

export interface IssueFilter {
  state?: "open" | "closed" | "all";
  /** Labels that all must be on it. */
  labels?: string[];
  /** Only pull requests, only issues, or both. */
  isPull?: boolean;
  sort?: "created" | "updated" | "comments";
  direction?: "asc" | "desc";
  since?: string;
  creatorId?: number;
  /** An account, anybody, or nobody. */
  assignee?: number | "*" | "none";
  headRef?: string;
  baseRef?: string;
}

export type ForgeState = ReturnType<typeof createState>;

export function createState(db: Db) {
  function paged<T>(columns: string, from: string, order: string, page: Page, ...params: Value[]): Listed<T> {
    const total = db.get<{ total: number }>(`select count(*) as total ${from}`, ...params)?.total ?? 0;
    const items = db.all<T>(
      `select ${columns} ${from} order by ${order} limit ? offset ?`,
      ...params,
      page.perPage,
      (page.page - 1) * page.perPage,
    );
    return { items, total };
  }

  const state = {
    /** Throws when there is no such account: ids come from rows that refer to it. */
    account(id: number): Account {
      const account = db.get<Account>("select * from accounts where id = ?", id);
      if (account === undefined) throw new Error(`There is no account ${id}.`);
      return account;
    },
    accountByLogin: (login: string) => db.get<Account>("select * from accounts where login = ?", login),
    accounts: () => db.all<Account>("select * from accounts order by login"),

    app: (id: number) => db.get<App>("select * from apps where id = ?", id),
    appBySlug: (slug: string) => db.get<App>("select * from apps where slug = ?", slug),
    appOfBot: (botId: number) => db.get<App>("select * from apps where botId = ?", botId),
    installation: (id: number) => db.get<Installation>("select * from installations where id = ?", id),
    installations: (appId: number, page: Page = EVERYTHING) =>
      paged<Installation>("*", "from installations where appId = ?", "id", page, appId),
    /** The installation of an App that covers a repository. */
    installationOf: (appId: number, repositoryId: number) =>
      db.get<Installation>(
        `select i.* from installations i join repositories r on r.ownerId = i.accountId where i.appId = ? and r.id = ? and (i.repositorySelection = 'all'
           or exists (select 1 from installationRepositories x where x.installationId = i.id and x.repositoryId = r.id))`,
        appId,
        repositoryId,
      ),
    /** Every installation, of whatever App, that covers a repository. */
    installationsOn: (repositoryId: number) =>
      db.all<Installation>(
        `select i.* from installations i join repositories r on r.ownerId = i.accountId where r.id = ? and (i.repositorySelection = 'all'
           or exists (select 1 from installationRepositories x where x.installationId = i.id and x.repositoryId = r.id)) order by i.id`,
        repositoryId,
      ),
    /** The repositories that an installation covers, oldest first. */
    installationRepositories: (installation: Installation, page: Page = EVERYTHING) =>
      paged<Repository>(
        "*",
        `from (${REPOSITORY}) where ownerId = ? and (? = 'all' or id in (select repositoryId from installationRepositories where installationId = ?))`,
        "id",
        page,
        installation.accountId,
        installation.repositorySelection,
        installation.id,
      ),

    repositoryById: (id: number) => db.get<Repository>(`${REPOSITORY} where r.id = ?`, id),
    repository: (owner: string, name: string) => db.get<Repository>(`${REPOSITORY} where a.login = ? and r.name = ?`, owner, name),
    /** What `viewer` (null: nobody logged in) may see, by name. */
    repositories: (viewer: Account | null) =>
      db.all<Repository>(`${REPOSITORY} order by a.login, r.name`).filter((repository) => state.role(repository, viewer) !== "none"),
    repositoriesOf: (ownerId: number, page: Page = EVERYTHING) =>
      paged<Repository>("*", `from (${REPOSITORY}) where ownerId = ?`, "id", page, ownerId),
    /** What an account may do in a repository: the owner is admin, a public repository is readable by all. */
    role(repository: Repository, viewer: Account | null): Role {
      const open: Role = repository.isPrivate ? "none" : "read";
      if (viewer === null) return open;
      if (viewer.id === repository.ownerId) return "admin";
      const given = db.get<{ role: Role }>(
        "select role from collaborators where repositoryId = ? and accountId = ?",
        repository.id,
        viewer.id,
      );
      return given === undefined || given.role === "none" ? open : given.role;
    },
    collaborators: (repositoryId: number) =>
      db.all<{ accountId: number; role: Role }>(
        "select accountId, role from collaborators where repositoryId = ? order by accountId",
        repositoryId,
      ),
    /** Branch tips as the forge last announced them, by name. */
    branches: (repositoryId: number) =>
      db
        .all<{ name: string; sha: string }>(
          "select name, sha from refs where repositoryId = ? and name like 'refs/heads/%' order by name",
          repositoryId,
        )
        .map((ref) => ({ name: ref.name.slice("refs/heads/".length), sha: ref.sha })),
    ref: (repositoryId: number, name: string) =>
      db.get<{ sha: string }>("select sha from refs where repositoryId = ? and name = ?", repositoryId, name)?.sha,

    issueById: (id: number) => db.get<Issue>(`select ${ISSUE_COLUMNS} from issues i where i.id = ?`, id),
    /** An issue or a pull request: both share the numbers. */
    issue: (repositoryId: number, number: number) =>
      db.get<Issue>(`select ${ISSUE_COLUMNS} from issues i where i.repositoryId = ? and i.number = ?`, repositoryId, number),
    issues(repositoryId: number, filter: IssueFilter = {}, page: Page = EVERYTHING): Listed<Issue> {
      const { where, params, order } = issueQuery(repositoryId, filter);
      return paged<Issue>(ISSUE_COLUMNS, `from issues i where ${where}`, order, page, ...params);
    },
    pull: (repositoryId: number, number: number) =>
      db.get<PullRequest>(
        `select ${PULL_COLUMNS} from issues i join pulls p on p.issueId = i.id where i.repositoryId = ? and i.number = ?`,
        repositoryId,
        number,
      ),
    pullById: (issueId: number) =>
      db.get<PullRequest>(`select ${PULL_COLUMNS} from issues i join pulls p on p.issueId = i.id where i.id = ?`, issueId),
    pulls(repositoryId: number, filter: IssueFilter = {}, page: Page = EVERYTHING): Listed<PullRequest> {
      const { where, params, order } = issueQuery(repositoryId, { ...filter, isPull: true });
      return paged<PullRequest>(PULL_COLUMNS, `from issues i join pulls p on p.issueId = i.id where ${where}`, order, page, ...params);
    },
    assignees: (issueId: number) =>
      db.all<Account>("select a.* from assignees x join accounts a on a.id = x.accountId where x.issueId = ? order by a.login", issueId),
    labelsOf: (issueId: number) =>
      db.all<Label>(
        "select l.id, l.name, l.color, l.description from issueLabels x join labels l on l.id = x.labelId where x.issueId = ? order by l.name",
        issueId,
      ),
    label: (repositoryId: number, name: string) =>
      db.get<Label>("select id, name, color, description from labels where repositoryId = ? and name = ?", repositoryId, name),
    labels: (repositoryId: number, page: Page = EVERYTHING) =>
      paged<Label>("id, name, color, description", "from labels where repositoryId = ?", "name", page, repositoryId),
    comment: (id: number) => db.get<Comment>("select * from comments where id = ?", id),
    /** Oldest first. */
    comments: (issueId: number, page: Page = EVERYTHING, since = "") =>
      paged<Comment>("*", "from comments where issueId = ? and updatedAt >= ?", "id", page, issueId, since),
    commentsIn: (repositoryId: number, page: Page = EVERYTHING, since = "") =>
      paged<Comment>(
        "*",
        "from comments where issueId in (select id from issues where repositoryId = ?) and updatedAt >= ?",
        "id",
        page,
        repositoryId,
        since,
      ),
    /** Oldest first. */
    timeline: (issueId: number) => db.all<TimelineEntry>("select * from timeline where issueId = ? order by id", issueId),
    reactions: (subjectType: ReactionSubject, subjectId: number, page: Page = EVERYTHING) =>
      paged<Reaction>("*", "from reactions where subjectType = ? and subjectId = ?", "id", page, subjectType, subjectId),
    reviewers: (issueId: number) =>
      db.all<Account>(
        "select a.* from reviewRequests x join accounts a on a.id = x.accountId where x.issueId = ? order by a.login",
        issueId,
      ),
    review: (id: number) => db.get<Review>("select * from reviews where id = ?", id),
    /** Oldest first; one that waits for its author to submit it is seen by that one alone. */
    reviews: (issueId: number, page: Page = EVERYTHING, viewerId = 0) =>
      paged<Review>("*", "from reviews where issueId = ? and (state != 'PENDING' or userId = ?)", "id", page, issueId, viewerId),
    reviewComment: (id: number) => db.get<ReviewComment>("select * from reviewComments where id = ?", id),
    /** Oldest first. */
    reviewComments: (issueId: number, page: Page = EVERYTHING) =>
      paged<ReviewComment>(
        "*",
        "from reviewComments where issueId = ? and reviewId not in (select id from reviews where state = 'PENDING')",
        "id",
        page,
        issueId,
      ),
    /** Oldest first. */
    commentsOfReview: (reviewId: number, page: Page = EVERYTHING) =>
      paged<ReviewComment>("*", "from reviewComments where reviewId = ?", "id", page, reviewId),

    checkRun: (id: number) => db.get<CheckRun>("select * from checkRuns where id = ?", id),
    checkSuite: (id: number) => db.get<CheckSuite>("select * from checkSuites where id = ?", id),
    checkSuiteOf: (repositoryId: number, appId: number, headSha: string) =>
      db.get<CheckSuite>("select * from checkSuites where repositoryId = ? and appId = ? and headSha = ?", repositoryId, appId, headSha),
    checkSuites: (repositoryId: number, headSha: string, appId: number | null, page: Page = EVERYTHING) =>
      paged<CheckSuite>(
        "*",
        "from checkSuites where repositoryId = ? and headSha = ? and (? is null or appId = ?)",
        "id",
        page,
        repositoryId,
        headSha,
        appId,
        appId,
      ),
    /** `latest`: of each App and name only the newest. */
    checkRuns(
      repositoryId: number,
      sha: string,
      filter: { name?: string; status?: string; appId?: number; latest?: boolean } = {},
      page: Page = EVERYTHING,
    ) {
      const from = `from checkRuns c where repositoryId = ? and headSha = ? and (? is null or name = ?) and (? is null or status = ?) and (? is null or appId = ?)
        and (? = 0 or not exists (select 1 from checkRuns n where n.repositoryId = c.repositoryId and n.headSha = c.headSha and n.name = c.name and n.appId = c.appId and n.id > c.id))`;
      const { name = null, status = null, appId = null, latest = true } = filter;
      return paged<CheckRun>("*", from, "id", page, repositoryId, sha, name, name, status, status, appId, appId, latest);
    },
    annotations: (checkRunId: number, page: Page = EVERYTHING) =>
      paged<Annotation>("*", "from annotations where checkRunId = ?", "id", page, checkRunId),
    statuses: (repositoryId: number, sha: string, page: Page = EVERYTHING) =>
      paged<CommitStatus>("*", "from statuses where repositoryId = ? and sha = ?", "id desc", page, repositoryId, sha),

    deployment: (id: number) => db.get<Deployment>("select * from deployments where id = ?", id),
    deployments(
      repositoryId: number,
      filter: { sha?: string; ref?: string; task?: string; environment?: string } = {},
      page: Page = EVERYTHING,
    ) {
      const from = `from deployments where repositoryId = ? and (? is null or sha = ?) and (? is null or ref = ?) and (? is null or task = ?) and (? is null or environment = ?)`;
      const { sha = null, ref = null, task = null, environment = null } = filter;
      return paged<Deployment>("*", from, "id desc", page, repositoryId, sha, sha, ref, ref, task, task, environment, environment);
    },
    /** By the order in which they were first deployed to. */
    environments: (repositoryId: number, page: Page = EVERYTHING) =>
      paged<Environment>(
        "*",
        `from (select min(id) as id, environment as name, min(createdAt) as createdAt, max(updatedAt) as updatedAt
           from deployments where repositoryId = ? group by environment)`,
        "id",
        page,
        repositoryId,
      ),
    deploymentStatuses: (deploymentId: number, page: Page = EVERYTHING) =>
      paged<DeploymentStatus>("*", "from deploymentStatuses where deploymentId = ?", "id desc", page, deploymentId),
    release: (id: number) => db.get<Release>("select * from releases where id = ?", id),
    releaseByTag: (repositoryId: number, tag: string) =>
      db.get<Release>("select * from releases where repositoryId = ? and tagName = ? and isDraft = 0", repositoryId, tag),
    releases: (repositoryId: number, page: Page = EVERYTHING) =>
      paged<Release>("*", "from releases where repositoryId = ?", "id desc", page, repositoryId),

    workflow: (id: number) => db.get<Workflow>("select * from workflows where id = ?", id),
    workflows: (repositoryId: number, page: Page = EVERYTHING) =>
      paged<Workflow>("*", "from workflows where repositoryId = ?", "id", page, repositoryId),
    workflowRun: (id: number) => db.get<WorkflowRun>("select * from workflowRuns where id = ?", id),
    workflowRuns(
      repositoryId: number,
      filter: { workflowId?: number; status?: string; branch?: string; event?: string; sha?: string } = {},
      page: Page = EVERYTHING,
    ) {
      const from = `from workflowRuns where repositoryId = ? and (? is null or workflowId = ?) and (? is null or status = ? or conclusion = ?)
        and (? is null or headRef = 'refs/heads/' || ?) and (? is null or event = ?) and (? is null or headSha = ?)`;
      const { workflowId = null, status = null, branch = null, event = null, sha = null } = filter;
      return paged<WorkflowRun>(
        "*",
        from,
        "id desc",
        page,
        repositoryId,
        workflowId,
        workflowId,
        status,
        status,
        status,
        branch,
        branch,
        event,
        event,
        sha,
        sha,
      );
    },
    job: (id: number) => db.get<WorkflowJob>("select * from workflowJobs where id = ?", id),
    /** Of the run's latest attempt, in the order in which they were made. */
    jobs: (run: WorkflowRun) =>
      db.all<WorkflowJob>("select * from workflowJobs where runId = ? and attempt = ? order by id", run.id, run.attempt),
  };
  return state;
}

function issueQuery(repositoryId: number, filter: IssueFilter): { where: string; params: Value[]; order: string } {
  const terms = ["i.repositoryId = ?"];
  const params: Value[] = [repositoryId];
  const add = (term: string, value: Value): void => {
    terms.push(term);
    params.push(value);
  };
  if (filter.state !== undefined && filter.state !== "all") add("i.state = ?", filter.state);
  if (filter.isPull !== undefined) add("i.isPull = ?", filter.isPull);
  if (filter.since !== undefined) add("i.updatedAt >= ?", filter.since);
  if (filter.creatorId !== undefined) add("i.userId = ?", filter.creatorId);
  if (filter.assignee === "*") terms.push("exists (select 1 from assignees x where x.issueId = i.id)");
  else if (filter.assignee === "none") terms.push("not exists (select 1 from assignees x where x.issueId = i.id)");
  else if (filter.assignee !== undefined)
    add("exists (select 1 from assignees x where x.issueId = i.id and x.accountId = ?)", filter.assignee);
  if (filter.headRef !== undefined) add("p.headRef = ?", filter.headRef);
  if (filter.baseRef !== undefined) add("p.baseRef = ?", filter.baseRef);
  for (const label of filter.labels ?? []) {
    add("exists (select 1 from issueLabels x join labels l on l.id = x.labelId where x.issueId = i.id and l.name = ?)", label);
  }
  const column = { created: "i.number", updated: "i.updatedAt", comments: "commentCount" }[filter.sort ?? "created"];
  return { where: terms.join(" and "), params, order: `${column} ${filter.direction ?? "desc"}, i.number desc` };
}
