-- Every app of production runs in an environment of its own, so that a release starts only what it changes: slug → environment.
alter table environments add column apps jsonb not null default '{}';
update environments set apps = coalesce(
  (select jsonb_object_agg(slug, environments.runtime_environment) from apps
   where apps.project_id = environments.project_id and archived_at is null),
  '{}') where runtime_environment is not null;
alter table environments drop column runtime_environment;
