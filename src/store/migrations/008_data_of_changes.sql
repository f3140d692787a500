-- A change's next timeline is made under an id that is known before, and becomes the change's in one statement; those that were its own before stay
-- in a list until nobody needs them.
alter table changes add column next_timeline text;
alter table changes add column old_timelines text[] not null default '{}';
-- What the rows of the present one were made from: the policy and, for a copy of production, where it was taken.
alter table changes add column made_from jsonb;
update changes set made_from = '{"policy": "empty"}' where timeline is not null;

-- Snapshots of runs: which apps had their first rows by then, and since when nobody may return to it any more.
alter table checkpoints add column seeded text[] not null default '{}';
alter table checkpoints add column released_at timestamptz;
