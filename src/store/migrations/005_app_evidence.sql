-- What a gate found of one app, kept by what decided it, so that the same need not be found out again. Successes only.
create table app_evidence (
  project_id text not null references projects on delete cascade,
  app text not null,
  gate text not null,
  -- Of the control plane's side: the app's tree, its contract, what stands around it. And of the runner's: the gates and their tools.
  key text not null,
  judge text not null,
  -- The other apps' migrations in the database that was judged: path → blob.
  beside jsonb not null,
  evidence jsonb not null,
  -- The app as it was built, with the gate that builds it.
  artifact text,
  -- On which it was found, and when.
  git_commit text not null,
  created_at timestamptz not null default now(),
  primary key (project_id, app, gate, key, judge)
);
