-- Since when a change is closed or merged: its timeline is kept for a while and then goes.
alter table changes add column closed_at timestamptz;
update changes set closed_at = now() where state <> 'open';

create function note_closing() returns trigger language plpgsql as $$
begin
  if new.state = 'open' then
    new.closed_at := null;
  elsif new.closed_at is null then
    new.closed_at := now();
  end if;
  return new;
end $$;
create trigger changes_closing before insert or update on changes for each row execute function note_closing();
