-- The release of which an open change takes back only a part, or with something else: such a change is an ordinary one.
alter table changes add column reverts_release int;
