/** First rows of an app, for timelines that start empty. */
import { AdorableError } from "../../core/errors.ts";
import { appRole, schemaName } from "../../core/names.ts";
import { quoteIdentifier, withConnection } from "./connection.ts";
import { searchPathOf } from "./extensions.ts";
import { checkMigration } from "./statements.ts";

/**
 * Runs `db/seed.sql` as the app, in one transaction, where every table of the app is empty; else it does nothing, so that a repeat
 * after a crash adds nothing. Throws `seed-failed` (author), or what a refused statement throws.
 */
export async function runSeed(dsn: string, app: string, sql: string): Promise<void> {
  const path = `apps/${app}/db/seed.sql`;
  await checkMigration(path, sql);
  await withConnection(dsn, async (client) => {
    await client.query("begin");
    await client.query(`set local role ${quoteIdentifier(appRole(app))}; set local search_path = ${searchPathOf(app)};`);
    try {
      const { rows: tables } = await client.query<{ name: string }>(
        "select relname as name from pg_class where relnamespace = to_regnamespace($1) and relkind in ('r', 'p')",
        [quoteIdentifier(schemaName(app))],
      );
      for (const { name } of tables) {
        if ((await client.query(`select from ${quoteIdentifier(name)} limit 1`)).rowCount !== 0) {
          await client.query("rollback");
          return;
        }
      }
      await client.query(sql);
      await client.query("commit");
    } catch (cause) {
      const sqlstate = (cause as { code?: string }).code;
      throw new AdorableError({
        code: "seed-failed",
        remedy: "author",
        message: `"${path}" failed with ${sqlstate ?? "an unknown error"}.`,
        hint: "Correct the seed.",
        details: { path, sqlstate },
        cause,
      });
    }
  });
}
