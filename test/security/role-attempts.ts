/** What somebody tries with a database role, what it is answered, and all that could have changed by it. */
import { tmpdir } from "node:os";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { appRole } from "../../src/core/names.ts";
import { ADMIN_ROLE } from "../../src/database/database.ts";

const BLOG = appRole("blog");
const SHOP = appRole("shop");
/** What a program or a copy that worked would leave behind. */
export const proof = join(tmpdir(), `adorable-breakout-${randomBytes(6).toString("hex")}`);

/** All that a role could have changed or taken, as one text. */
export const WORLD = `select json_build_array(
  (select json_agg(r order by rolname) from (select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
    rolconnlimit, rolvaliduntil from pg_authid) r),
  (select json_agg(m) from pg_auth_members m where roleid >= 16384),
  (select json_agg(s::text order by s::text) from pg_db_role_setting s),
  (select json_agg(json_build_array(datname, datacl, datdba, datallowconn)) from pg_database),
  (select json_agg(extname) from pg_extension), (select json_agg(lanname) from pg_language), (select json_agg(spcname) from pg_tablespace),
  (select json_agg(json_build_array(nspname, nspowner, nspacl) order by nspname) from pg_namespace where nspname !~ '^pg_(toast|temp)'),
  (select json_agg(json_build_array(relnamespace, relname, relkind, relowner, relacl) order by oid) from pg_class where oid >= 16384 or relacl is not null),
  (select json_agg(json_build_array(pronamespace, proname, proowner, proacl) order by oid) from pg_proc where oid >= 16384 or proacl is not null),
  (select json_agg(json_build_array(castsource, casttarget)) from pg_cast where oid >= 16384),
  (select json_agg(json_build_array(oid, lomowner, lomacl)) from pg_largeobject_metadata), (select md5(string_agg(data, '')) from pg_largeobject),
  (select count(*) from pg_event_trigger), (select count(*) from pg_foreign_server), (select count(*) from pg_publication),
  (select count(*) from pg_subscription), (select count(*) from pg_replication_slots), (select count(*) from pg_trigger where not tgisinternal),
  (select count(*) from pg_file_settings where sourcefile like '%auto.conf'), current_setting('statement_timeout'),
  (select json_agg(i) from shop.item i), (select json_agg(p) from blog.post p), (select json_agg(m) from adorable.migrations m)
) as world`;

/** As either role. `42501` is insufficient privilege. */
export const ATTEMPTS: [what: string, sql: string, code: string][] = [
  // Another app.
  ["reads another app's rows", "select * from shop.item", "42501"],
  ["writes another app's rows", "insert into shop.item values (2, 'x')", "42501"],
  ["empties another app's table", "truncate shop.item", "42501"],
  ["locks another app's table", "begin; lock table shop.item in access share mode", "42501"],
  ["drops another app's table", "drop table shop.item", "42501"],
  ["alters another app's table", "alter table shop.item add column x int", "42501"],
  ["makes a table in another app's schema", "create table shop.mine (id int)", "42501"],
  ["grants itself another app's table", `grant all on shop.item to ${BLOG}`, "42501"],
  ["grants itself another app's schema", `grant all on schema shop to ${BLOG}`, "42501"],
  ["drops another app's schema", "drop schema shop cascade", "42501"],
  ["refers to another app's row", "select has_table_privilege('shop.item', 'select')", "42501"],
  ["reads the ledger", "select * from adorable.migrations", "42501"],
  ["writes the ledger", "delete from adorable.migrations", "42501"],
  // Roles and sessions.
  ["becomes the administrator", `set role ${ADMIN_ROLE}`, "42501"],
  ["becomes another app", `set role ${SHOP}`, "42501"],
  ["becomes a predefined role", "set role pg_read_all_data", "42501"],
  ["authorizes its session anew", `set session authorization ${ADMIN_ROLE}`, "42501"],
  ["changes its role in a function", `select set_config('role', '${ADMIN_ROLE}', false)`, "42501"],
  ["grants itself the administrator", `grant ${ADMIN_ROLE} to ${BLOG}`, "42501"],
  ["grants itself every server file", `grant pg_read_server_files to ${BLOG}`, "42501"],
  ["makes itself superuser", "alter role current_user superuser", "42501"],
  ["lets itself make roles", "alter role current_user createrole createdb", "42501"],
  ["lets itself replicate", "alter role current_user replication", "42501"],
  ["lets itself past row security", "alter role current_user bypassrls", "42501"],
  ["raises its connection limit", "alter role current_user connection limit -1", "42501"],
  ["renames another role", `alter role ${SHOP} rename to x`, "42501"],
  ["sets another role's password", `alter role ${SHOP} password 'x'`, "42501"],
  ["sets another role's settings", `alter role ${SHOP} set search_path = blog`, "42501"],
  ["sets everybody's settings", "alter role all set statement_timeout = '1ms'", "42501"],
  ["makes a role", "create role eve login superuser", "42501"],
  ["drops a role", `drop role ${SHOP}`, "42501"],
  ["reassigns another role's objects", `reassign owned by ${SHOP} to current_user`, "42501"],
  ["reads password hashes", "select rolpassword from pg_authid", "42501"],
  // Databases and the server.
  ["makes a database", "create database x", "42501"],
  ["drops the database", "drop database app", "42501"],
  ["changes the database's settings", "alter database app set search_path = blog", "42501"],
  ["makes a schema", "create schema mine", "42501"],
  ["makes a table in public", "create table public.x (id int)", "42501"],
  ["makes a temporary table", "create temp table x (id int)", "42501"],
  ["makes a function in pg_catalog", "create function pg_catalog.f() returns int language sql as 'select 1'", "42501"],
  ["makes a tablespace", `create tablespace t location '${tmpdir()}'`, "42501"],
  ["changes the server's settings", "alter system set fsync = off", "0A000"],
  ["reloads the server's settings", "select pg_reload_conf()", "42501"],
  ["lifts its limit of temporary files", "set temp_file_limit = -1", "42501"],
  ["turns triggers off", "set session_replication_role = replica", "42501"],
  ["writes system tables", "update pg_proc set prosrc = 'x' where proname = 'now'", "42501"],
  ["allows itself system tables", "set allow_system_table_mods = on", "42501"],
  ["forces a checkpoint", "checkpoint", "42501"],
  ["switches the log", "select pg_switch_wal()", "42501"],
  ["writes into the log", "select pg_logical_emit_message(true, 'adorable', 'head')", "42501"],
  [
    "makes an event trigger",
    "create event trigger e on ddl_command_start execute function pg_catalog.suppress_redundant_updates_trigger()",
    "42501",
  ],
  ["prepares a transaction", "begin; update blog.post set title = 'x'; prepare transaction 'x'", "55000"],
  // Files and programs.
  ["runs a program", `copy (select 1) to program 'touch ${proof}'`, "42501"],
  ["reads from a program", `do $$ begin execute 'copy blog.post from program ''touch ${proof}'''; end $$`, "42501"],
  ["writes a file", `copy (select 1) to '${proof}'`, "42501"],
  ["reads a file", "copy blog.post from '/etc/passwd'", "42501"],
  ["reads a file by a function", "select pg_read_file('PG_VERSION')", "42501"],
  ["reads a binary file by a function", "select pg_read_binary_file('global/pg_control')", "42501"],
  ["lists a folder", "select pg_ls_dir('.')", "42501"],
  ["lists the log", "select * from pg_ls_waldir()", "42501"],
  ["asks of a file", "select pg_stat_file('PG_VERSION')", "42501"],
  ["reads who may connect", "select * from pg_hba_file_rules", "42501"],
  ["reads the settings' files", "select * from pg_file_settings", "42501"],
  ["imports a file", "select lo_import('/etc/passwd')", "42501"],
  ["exports to a file", `select lo_export(424242, '${proof}')`, "42501"],
  ["loads a library", "load '/tmp/evil.so'", "42501"],
  // Large objects.
  ["makes a large object", "select lo_create(0)", "42501"],
  ["makes a large object with content", "select lo_from_bytea(0, 'x')", "42501"],
  ["reads another's large object", "select lo_get(424242)", "42501"],
  ["writes another's large object", "select lo_put(424242, 0, 'x')", "42501"],
  ["opens another's large object", "begin; select lo_open(424242, 393216)", "42501"],
  ["removes another's large object", "select lo_unlink(424242)", "42501"],
  ["reads all large objects", "select * from pg_largeobject", "42501"],
  ["makes old large objects everybody's", "set lo_compat_privileges = on", "42501"],
  // Extensions, languages, other servers.
  ...["dblink", "postgres_fdw", "file_fdw", "adminpack", "pg_trgm", "plperl", "plpython3u", "pg_stat_statements"].map(
    (name): [string, string, string] => [`installs ${name}`, `create extension ${name}`, ["adminpack"].includes(name) ? "0A000" : "42501"],
  ),
  ["makes a language", "create language plpython3u", "42501"],
  ["calls another database by dblink", "select dblink('dbname=app', 'select 1')", "42883"],
  ["makes a foreign data wrapper", "create foreign data wrapper w", "42501"],
  ["makes a foreign server", "create server s foreign data wrapper postgres_fdw", "42704"],
  ["publishes", "create publication p for all tables", "42501"],
  ["subscribes", "create subscription s connection 'dbname=app' publication p", "42501"],
  ["makes a replication slot", "select pg_create_physical_replication_slot('s')", "42501"],
  ["drops the platform's logs", "select pg_drop_replication_slot('s')", "42501"],
  ["makes a native function", "create function f() returns int language c as '/tmp/evil.so'", "42501"],
  ["makes an internal function", "create function f() returns int language internal as 'int4in'", "42501"],
  // Others' sessions.
  ["takes a lock that all share", "select pg_advisory_lock(5120002)", "42501"],
  ["tries a lock that all share", "select pg_try_advisory_xact_lock(1, 2)", "42501"],
  ["reads others' statements", "select * from pg_stat_statements", "42P01"],
  ["resets the statistics", "select pg_stat_reset()", "42501"],
  ["writes out others' memory", "select pg_log_backend_memory_contexts(1)", "42501"],
];
