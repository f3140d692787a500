-- The control plane's state. Every table with a lifecycle has one "state" column; see the state tables in the stages.

create table deliveries (
  id text primary key,
  event text not null,
  action text,
  repository_id bigint,
  payload jsonb not null,
  state text not null default 'received' check (state in ('received', 'processed', 'ignored', 'failed')),
  note text,
  received_at timestamptz not null default now()
);

create table projects (
  id text primary key,
  repository_id bigint not null,
  full_name text not null,
  clone_url text not null,
  installation_id bigint not null,
  default_branch text not null,
  state text not null default 'active' check (state in ('active', 'deleting')),
  -- The newest commit of the default branch that was observed, and the newest whose release was decided.
  main_commit text,
  decided_commit text,
  created_at timestamptz not null default now()
);
create unique index projects_repository on projects (repository_id);

create table tombstones (
  project_id text primary key,
  full_name text not null,
  last_hash text,
  ledger_digest text,
  deleted_at timestamptz not null default now()
);

create table apps (
  project_id text not null references projects,
  slug text not null,
  name text not null,
  archived_at timestamptz,
  primary key (project_id, slug)
);

create table changes (
  id text primary key,
  project_id text not null references projects,
  kind text not null check (kind in ('generated', 'pull-request')),
  issue_number int,
  pull_number int,
  git_branch text not null,
  state text not null default 'open' check (state in ('open', 'merged', 'closed')),
  head_commit text,
  -- Of the pull request, once merged, and who merged it.
  merge_commit text,
  merged_by text,
  base_commit text,
  -- The test merge of both; null where they conflict.
  tree text,
  timeline text,
  -- Apps whose db/seed.sql ran on this timeline.
  seeded text[] not null default '{}',
  -- What the timeline was made from; another base makes the change stale.
  base_ledger text,
  -- Set when the test merge restores a past release.
  restores_release int,
  choice text check (choice in ('code-only', 'code+data')),
  chosen_by text,
  impact jsonb,
  preview_tree text,
  preview_environment text,
  preview_epoch int not null default 0,
  deployment_id bigint,
  impact_comment_id bigint,
  created_at timestamptz not null default now()
);
create unique index changes_issue on changes (project_id, issue_number) where issue_number is not null and state = 'open';
create unique index changes_pull on changes (project_id, pull_number) where pull_number is not null;

create table requests (
  id text primary key,
  project_id text not null references projects,
  change_id text references changes,
  -- issue, comment or review id at GitHub, with its kind; one request each.
  source text not null,
  item_number int not null,
  verb text not null,
  argument text,
  prompt text,
  requester text not null,
  state text not null default 'received'
    check (state in ('received', 'refused', 'planning', 'awaiting-approval', 'running', 'verifying', 'opened', 'answered', 'failed', 'cancelled', 'timed-out')),
  plan_hash text,
  title text,
  answer text,
  error jsonb,
  comment_id bigint,
  comment_digest text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (project_id, source)
);

create table plans (
  request_id text not null references requests,
  hash text not null,
  plan jsonb not null,
  approved_by text,
  created_at timestamptz not null default now(),
  primary key (request_id, hash)
);

create table runs (
  id text primary key,
  project_id text not null references projects,
  kind text not null check (kind in ('work', 'verify')),
  request_id text references requests,
  change_id text references changes,
  state text not null default 'queued' check (state in ('queued', 'dispatched', 'running', 'done', 'failed', 'cancelled', 'timed-out')),
  assignment jsonb not null,
  result jsonb,
  error jsonb,
  workflow_run_id bigint,
  session_digest text,
  session_expires_at timestamptz,
  deadline timestamptz,
  usage jsonb not null default '{"inputTokens": 0, "outputTokens": 0, "calls": 0}',
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);

create table run_events (
  id bigint generated always as identity primary key,
  run_id text not null references runs,
  event jsonb not null,
  at timestamptz not null default now()
);
create index run_events_run on run_events (run_id, id);

create table oidc_tokens (jti text primary key, used_at timestamptz not null default now());

create table checkpoints (
  id text primary key,
  project_id text not null references projects,
  timeline text not null,
  lsn text not null,
  git_commit text,
  run_id text references runs,
  note text not null,
  created_at timestamptz not null default now()
);

-- What an environment is now. The row changes at commit points only.
create table environments (
  project_id text not null references projects,
  place text not null,
  timeline text not null,
  runtime_environment text,
  epoch int not null,
  release_number int,
  primary key (project_id, place)
);

create table evidence (
  project_id text not null references projects,
  tree text not null,
  gate text not null,
  evidence jsonb not null,
  created_at timestamptz not null default now(),
  primary key (project_id, tree, gate)
);

create table artifacts (
  project_id text not null references projects,
  tree text not null,
  app text not null,
  digest text not null,
  primary key (project_id, tree, app)
);

-- Append-only and hash-chained.
create table releases (
  project_id text not null references projects,
  number int not null,
  kind text not null check (kind in ('release', 'rollback')),
  git_commit text not null,
  tree text not null,
  -- Of the released paths alone.
  released_tree text not null,
  plan_hash text,
  approver text not null,
  migrations jsonb not null,
  timeline text not null,
  -- Where the previous release stopped being live: (timeline, lsn).
  checkpoint jsonb,
  artifacts jsonb not null,
  schema_hash text not null,
  evidence jsonb not null,
  restores int,
  choice text,
  epoch int not null,
  created_at timestamptz not null,
  previous_hash text not null,
  hash text not null,
  primary key (project_id, number)
);

create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('adorable.deleting_project', true) = old.project_id then
    return old;
  end if;
  raise exception 'the release ledger is append-only';
end $$;
create trigger releases_append_only before update or delete on releases for each row execute function refuse_ledger_change();

-- The releases and rollbacks under way and done; their state tables stand in the release stage.
create table rollouts (
  id text primary key,
  project_id text not null references projects,
  kind text not null check (kind in ('release', 'rollback')),
  change_id text references changes,
  git_commit text not null,
  tree text not null,
  state text not null,
  data jsonb not null,
  error jsonb,
  attempts int not null default 0,
  created_at timestamptz not null default now(),
  finished_at timestamptz
);
create unique index rollouts_one_at_a_time on rollouts (project_id) where state not in ('live', 'aborted', 'refused');

create table resources (
  project_id text not null references projects,
  kind text not null,
  id text not null,
  created_at timestamptz not null default now(),
  primary key (project_id, kind, id)
);

-- The one way in which a project's rows go; its ledger must have been exported.
create function delete_project(target text, exported_digest text) returns void language plpgsql as $$
declare
  last text;
begin
  if exists (select from resources where project_id = target) then
    raise exception 'project % still has resources', target;
  end if;
  select hash into last from releases where project_id = target order by number desc limit 1;
  insert into tombstones (project_id, full_name, last_hash, ledger_digest)
    select id, full_name, last, exported_digest from projects where id = target and state = 'deleting';
  if not found then
    return;
  end if;
  perform set_config('adorable.deleting_project', target, true);
  delete from releases where project_id = target;
  delete from rollouts where project_id = target;
  delete from artifacts where project_id = target;
  delete from evidence where project_id = target;
  delete from environments where project_id = target;
  delete from checkpoints where project_id = target;
  delete from run_events where run_id in (select id from runs where project_id = target);
  delete from runs where project_id = target;
  delete from plans where request_id in (select id from requests where project_id = target);
  delete from requests where project_id = target;
  delete from changes where project_id = target;
  delete from apps where project_id = target;
  delete from deliveries where repository_id = (select repository_id from projects where id = target);
  delete from projects where id = target;
  perform set_config('adorable.deleting_project', '', true);
end $$;
