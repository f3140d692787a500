-- The deployments of a change's preview at GitHub: one for each app, slug → id. One that was made for all of them has no app.
alter table changes add column deployments jsonb not null default '{}';
update changes set deployments = jsonb_build_object('', deployment_id) where deployment_id is not null;
alter table changes drop column deployment_id;
