/** The template: an empty cluster made once per version, of which every root timeline is a clone. */
import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { BACKEND_DATABASE } from "../computes.ts";
import { initdbAccount, type Account } from "./accounts.ts";
import { type Base, type BaseStore, readBase, takeColdBase } from "./bases.ts";
import type { Binaries } from "./binaries.ts";
import { runTool } from "./cluster.ts";
import { removeTree } from "./files.ts";
import { INITDB_ARGS } from "./settings.ts";

/** Part of the template's id: raise it when what is made below changes. */
const REVISION = 1;
/** Where it is made, below the data directory. */
export const TEMPLATE_WORK = "initdb";

/** `initdb` and no more databases than the one that clients use. `directory` must not exist; it belongs to initdb's user afterwards. */
export async function initCluster(binaries: Binaries, directory: string): Promise<void> {
  const account: Account | undefined = initdbAccount();
  await mkdir(directory, { mode: 0o700 });
  if (account) await chown(directory, account.uid, account.gid);
  await runTool(binaries.initdb, ["-D", directory, ...INITDB_ARGS], { env: binaries.env, cwd: directory, account });
  const single = (database: string, input: string) =>
    runTool(binaries.postgres, ["--single", "-D", directory, "-j", "-c", "exit_on_error=on", database], {
      env: binaries.env,
      cwd: directory,
      account,
      input,
    });
  // The spare databases would be three quarters of the files that every branch copies.
  await single("template1", `ALTER DATABASE postgres RENAME TO ${BACKEND_DATABASE};\n\n`);
  await single(
    BACKEND_DATABASE,
    "UPDATE pg_database SET datistemplate = false;\n\nDROP DATABASE template0;\n\nDROP DATABASE template1;\n\n",
  );
}

/** Idempotent. The caller must be the only one that makes templates in `store`. */
export async function ensureTemplate(store: BaseStore, binaries: Binaries, workDir: string): Promise<Base> {
  const id = `template-${binaries.version}-${REVISION}`;
  const directory = join(workDir, TEMPLATE_WORK);
  await removeTree(directory);
  const present = await readBase(store, id);
  if (present) return present;
  try {
    await initCluster(binaries, directory);
    return await takeColdBase(store, directory, { id, withLog: true });
  } finally {
    await removeTree(directory);
  }
}
