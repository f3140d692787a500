/** The tables of the forge: one SQLite file, columns named as the records' fields; `is…` columns are booleans, `…Json` columns are JSON. */

export const SCHEMA = `
create table if not exists meta (key text primary key, value text not null) strict;

create table if not exists accounts (
  id integer primary key autoincrement, login text not null unique collate nocase, type text not null,
  name text not null, createdAt text not null) strict;
create table if not exists tokens (
  hash text primary key, kind text not null, accountId integer not null, installationId integer, jobId integer,
  permissionsJson text, repositoryIdsJson text, expiresAt text, createdAt text not null) strict;
create table if not exists loginLinks (hash text primary key, accountId integer not null, expiresAt text not null) strict;
create table if not exists sessions (hash text primary key, accountId integer not null, csrf text not null, expiresAt text not null) strict;

create table if not exists apps (
  id integer primary key autoincrement, slug text not null unique, name text not null, ownerId integer not null, botId integer not null,
  privateKey text not null, publicKey text not null, webhookUrl text, webhookSecret text,
  permissionsJson text not null, eventsJson text not null, createdAt text not null) strict;
create table if not exists installations (
  id integer primary key autoincrement, appId integer not null, accountId integer not null, repositorySelection text not null,
  createdAt text not null, updatedAt text not null, unique (appId, accountId)) strict;
create table if not exists installationRepositories (
  installationId integer not null, repositoryId integer not null, primary key (installationId, repositoryId)) strict;

create table if not exists repositories (
  id integer primary key autoincrement, ownerId integer not null, name text not null collate nocase, isPrivate integer not null,
  description text, defaultBranch text not null, nextNumber integer not null default 1, lastPusherId integer,
  createdAt text not null, updatedAt text not null, pushedAt text not null, unique (ownerId, name)) strict;
create table if not exists collaborators (
  repositoryId integer not null, accountId integer not null, role text not null, primary key (repositoryId, accountId)) strict;
create table if not exists refs (
  repositoryId integer not null, name text not null, sha text not null, primary key (repositoryId, name)) strict;

create table if not exists activities (
  id integer primary key autoincrement, repositoryId integer not null, ref text not null, beforeSha text not null, afterSha text not null,
  kind text not null, actorId integer not null, createdAt text not null) strict;
create index if not exists activitiesByRef on activities (repositoryId, ref);
create table if not exists rulesets (
  id integer primary key autoincrement, repositoryId integer not null, name text not null, enforcement text not null,
  includeJson text not null, excludeJson text not null, rulesJson text not null, createdAt text not null, updatedAt text not null) strict;
create table if not exists queueEntries (
  id integer primary key autoincrement, repositoryId integer not null, issueId integer not null unique, baseRef text not null,
  enqueuerId integer not null, pullHeadSha text not null, headRef text, headSha text, baseSha text, createdAt text not null) strict;

create table if not exists issues (
  id integer primary key autoincrement, repositoryId integer not null, number integer not null, isPull integer not null,
  title text not null, body text, state text not null, stateReason text, userId integer not null, isLocked integer not null default 0,
  createdAt text not null, updatedAt text not null, closedAt text, closedById integer, unique (repositoryId, number)) strict;
create table if not exists pulls (
  issueId integer primary key, headRef text not null, headSha text not null, baseRef text not null, baseSha text not null,
  isDraft integer not null, isMerged integer not null default 0, mergedAt text, mergedById integer, mergeCommitSha text, mergeMethod text,
  isMergeable integer, testMergeSha text, commits integer not null default 0, additions integer not null default 0,
  deletions integer not null default 0, changedFiles integer not null default 0, revertsNumber integer, mergeIntentJson text) strict;
create table if not exists assignees (issueId integer not null, accountId integer not null, primary key (issueId, accountId)) strict;
create table if not exists labels (
  id integer primary key autoincrement, repositoryId integer not null, name text not null collate nocase, color text not null,
  description text, unique (repositoryId, name)) strict;
create table if not exists issueLabels (issueId integer not null, labelId integer not null, primary key (issueId, labelId)) strict;
create table if not exists comments (
  id integer primary key autoincrement, issueId integer not null, userId integer not null, appId integer, body text not null,
  createdAt text not null, updatedAt text not null) strict;
create index if not exists commentsByIssue on comments (issueId);
create table if not exists timeline (
  id integer primary key autoincrement, issueId integer not null, kind text not null, actorId integer not null, detailJson text not null,
  createdAt text not null) strict;
create index if not exists timelineByIssue on timeline (issueId);
create table if not exists reactions (
  id integer primary key autoincrement, subjectType text not null, subjectId integer not null, userId integer not null,
  content text not null, createdAt text not null, unique (subjectType, subjectId, userId, content)) strict;
create table if not exists reviewRequests (issueId integer not null, accountId integer not null, primary key (issueId, accountId)) strict;
create table if not exists reviews (
  id integer primary key autoincrement, issueId integer not null, userId integer not null, body text not null, state text not null,
  commitSha text not null, submittedAt text) strict;
create table if not exists reviewComments (
  id integer primary key autoincrement, issueId integer not null, reviewId integer not null, userId integer not null, body text not null,
  path text not null, line integer, side text not null, commitSha text not null, diffHunk text not null, inReplyToId integer,
  createdAt text not null, updatedAt text not null) strict;

create table if not exists checkRuns (
  id integer primary key autoincrement, repositoryId integer not null, headSha text not null, name text not null, appId integer not null,
  externalId text not null, detailsUrl text, status text not null, conclusion text, title text, summary text, text text,
  startedAt text not null, completedAt text) strict;
create index if not exists checkRunsBySha on checkRuns (repositoryId, headSha);
create table if not exists checkSuites (
  id integer primary key autoincrement, repositoryId integer not null, appId integer not null, headSha text not null, headBranch text,
  beforeSha text, headCommitJson text not null, isReset integer not null, createdAt text not null, updatedAt text not null,
  unique (repositoryId, appId, headSha)) strict;
create table if not exists annotations (
  id integer primary key autoincrement, checkRunId integer not null, path text not null, startLine integer not null, endLine integer not null,
  level text not null, message text not null, title text, rawDetails text) strict;
create index if not exists annotationsByRun on annotations (checkRunId);
create table if not exists statuses (
  id integer primary key autoincrement, repositoryId integer not null, sha text not null, context text not null, state text not null,
  description text, targetUrl text, creatorId integer not null, createdAt text not null, updatedAt text not null) strict;
create table if not exists deployments (
  id integer primary key autoincrement, repositoryId integer not null, sha text not null, ref text not null, task text not null,
  environment text not null, description text, payloadJson text not null, isTransient integer not null, isProduction integer not null,
  creatorId integer not null, createdAt text not null, updatedAt text not null) strict;
create table if not exists deploymentStatuses (
  id integer primary key autoincrement, deploymentId integer not null, state text not null, description text not null, environmentUrl text not null,
  logUrl text not null, creatorId integer not null, createdAt text not null) strict;
create table if not exists releases (
  id integer primary key autoincrement, repositoryId integer not null, tagName text not null, targetCommitish text not null, name text,
  body text, isDraft integer not null, isPrerelease integer not null, authorId integer not null, createdAt text not null, publishedAt text) strict;

create table if not exists workflows (
  id integer primary key autoincrement, repositoryId integer not null, path text not null, name text not null, createdAt text not null,
  unique (repositoryId, path)) strict;
create table if not exists workflowRuns (
  id integer primary key autoincrement, repositoryId integer not null, workflowId integer not null, number integer not null,
  attempt integer not null, event text not null, title text not null, headRef text not null, headSha text not null, status text not null,
  conclusion text, message text, actorId integer not null, inputsJson text not null, isCancelRequested integer not null default 0,
  createdAt text not null, startedAt text not null, updatedAt text not null) strict;
create table if not exists workflowJobs (
  id integer primary key autoincrement, runId integer not null, attempt integer not null, key text not null, name text not null, status text not null,
  conclusion text, stepsJson text not null, checkRunId integer, calledRef text, calledSha text, process text,
  createdAt text not null, startedAt text, completedAt text) strict;
create index if not exists jobsByRun on workflowJobs (runId);

create table if not exists deliveries (
  id integer primary key autoincrement, guid text not null, appId integer not null, installationId integer, repositoryId integer,
  event text not null, action text, url text not null, isRedelivery integer not null, payload text not null, state text not null,
  statusCode integer not null default 0, status text not null default '', responseHeadersJson text, responseBody text, requestHeadersJson text,
  durationSeconds real, createdAt text not null, deliveredAt text) strict;
create index if not exists pendingDeliveries on deliveries (state) where state = 'pending';
`;

/** Columns that came after their table: added to a file that has it without them. */
export const ADDED_COLUMNS: [table: string, column: string, definition: string][] = [
  ["workflowRuns", "headCommitJson", "text"],
  ["queueEntries", "requestedAt", "text"],
  ["rulesets", "bypassActorsJson", "text not null default '[]'"],
];
