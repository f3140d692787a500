/** What a backend session holds that a new one would not have: the question that decides whether a client can be moved unnoticed. */

/**
 * A query whose one value is `t` where the session of `user` holds state: changed settings or role, prepared statements, LISTEN,
 * held cursors, advisory locks, temporary objects. Parameters of the application's own are in no view: `ProtocolState.customSettings` and the last
 * line stand for them. Not seen: `currval` of a sequence, which a moved session must ask `nextval` for again.
 */
export function sessionStateQuery(user: string): string {
  const name = `'${user.replaceAll("'", "''")}'`;
  return `select session_user <> ${name} or current_user <> session_user
    or exists (select from pg_catalog.pg_settings where source = 'session')
    or exists (select from pg_catalog.pg_prepared_statements)
    or exists (select from pg_catalog.pg_listening_channels())
    or exists (select from pg_catalog.pg_cursors where is_holdable)
    or exists (select from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_catalog.pg_backend_pid())
    or (pg_catalog.pg_my_temp_schema() <> 0 and (
      exists (select from pg_catalog.pg_class where relnamespace = pg_catalog.pg_my_temp_schema())
      or exists (select from pg_catalog.pg_proc where pronamespace = pg_catalog.pg_my_temp_schema())
      or exists (select from pg_catalog.pg_type where typnamespace = pg_catalog.pg_my_temp_schema())))
    or exists (select from pg_catalog.pg_proc where pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
      and prosrc ~* 'set_config|\\mset\\s+(session\\s+)?"?\\w+"?\\s*\\.')`;
}
