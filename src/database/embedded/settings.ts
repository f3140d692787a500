/** The configuration of every compute, as files of ours that no database user can change. */
import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ADMIN_ROLE } from "../database.ts";
import { SEGMENT_BYTES } from "./wal.ts";

export interface Settings {
  configFile: string;
  hbaFile: string;
  identFile: string;
}

/** The port is only a part of the unix socket's name. */
export const SOCKET_NAME = ".s.PGSQL.5432";

export const INITDB_ARGS = [
  `--username=${ADMIN_ROLE}`,
  "--encoding=UTF8",
  "--locale-provider=builtin",
  "--builtin-locale=C.UTF-8",
  "--locale=C",
  "--data-checksums",
  "--auth=trust",
  "--no-sync",
  "--no-instructions",
  `--wal-segsize=${SEGMENT_BYTES / 1024 / 1024}`,
];

// wal_keep_size without bound: the server deletes no segment, so pg_wal is the archive too and no archiver has to run; the engine
// deletes what retention does not ask for. wal_recycle must be off, or a segment that a branch has linked would be overwritten.
const COMMON = `
listen_addresses = ''
port = 5432
unix_socket_permissions = 0700
allow_alter_system = off
superuser_reserved_connections = 3
huge_pages = off
dynamic_shared_memory_type = mmap
max_wal_senders = 0
max_replication_slots = 0
max_logical_replication_workers = 0
max_prepared_transactions = 0
jit = off
fsync = on
full_page_writes = on
synchronous_commit = on
wal_level = replica
wal_init_zero = off
recovery_init_sync_method = syncfs
hot_standby = off
restart_after_crash = off
logging_collector = off
log_min_messages = fatal
log_min_error_statement = panic
max_stack_depth = 2MB
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
datestyle = 'iso, ymd'
password_encryption = 'scram-sha-256'
`;

const COMPUTE = `${COMMON}
max_connections = 60
shared_buffers = 16MB
max_worker_processes = 2
max_parallel_workers = 2
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0
autovacuum_max_workers = 1
autovacuum_naptime = 60s
archive_mode = off
wal_recycle = off
wal_keep_size = 2147483647
min_wal_size = 2MB
max_wal_size = 256MB
max_notify_queue_pages = 8192
checkpoint_timeout = 5min
`;

// What a replay writes is synced as a whole before the branch exists; file by file it would take longer than the replay.
const REPLAY = `${COMPUTE}
fsync = off
autovacuum = off
`;

const STORE = `${COMMON}
max_connections = 100
shared_buffers = 32MB
max_worker_processes = 4
max_parallel_workers_per_gather = 0
autovacuum_max_workers = 2
min_wal_size = 32MB
max_wal_size = 256MB
`;

const TEXTS = { compute: COMPUTE, replay: REPLAY, store: STORE };

/** Whoever opens the socket is trusted; its directory lets in nobody but the database's own user and us. */
const HBA = "local all all trust\n";

/** Writes the files into `directory` unless they are there already. They take effect at the next start of a compute. */
export async function writeSettings(directory: string, kind: keyof typeof TEXTS): Promise<Settings> {
  const settings = {
    configFile: join(directory, `${kind}.conf`),
    hbaFile: join(directory, `${kind}.hba`),
    identFile: join(directory, `${kind}.ident`),
  };
  await writeWhole(settings.configFile, TEXTS[kind]);
  await writeWhole(settings.hbaFile, HBA);
  await writeWhole(settings.identFile, "");
  return settings;
}

async function writeWhole(path: string, text: string): Promise<void> {
  if ((await readFile(path, "utf8").catch(() => undefined)) === text) return;
  const staging = `${path}.${process.pid}.tmp`;
  await writeFile(staging, text);
  await chmod(staging, 0o644);
  await rename(staging, path);
}
