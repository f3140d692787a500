-- A deleted project's deliveries keep their ids and nothing else: one that GitHub sends again is known, and does not bring the project back.
create or replace function delete_project(target text, exported_digest text) returns void language plpgsql as $$
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
  update deliveries set payload = '{}', state = 'ignored', note = 'the project was deleted'
    where repository_id = (select repository_id from projects where id = target);
  delete from projects where id = target;
  perform set_config('adorable.deleting_project', '', true);
end $$;
