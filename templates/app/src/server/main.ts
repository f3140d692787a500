/** Starts the server and ends it cleanly on SIGTERM and SIGINT. */
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { createApp } from "./app.ts";
import { readConfig, type Config } from "./config.ts";
import { openDatabase } from "./database.ts";
import { createDevServer } from "./dev.ts";

const SHUTDOWN_LIMIT_MS = 5_000;

try {
  await start(readConfig(process.env, process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function start(config: Config): Promise<void> {
  const clientDir = join(import.meta.dirname, "../../dist");
  const built = existsSync(join(clientDir, "index.html"));
  if (!config.dev && !built) console.error("The client is not built (`npm run build`): only the API is served.");
  const db = openDatabase(config.databaseUrl);
  const server = config.dev
    ? await createDevServer(createApp({ db }))
    : createServer(getRequestListener(createApp(built ? { db, clientDir } : { db }).fetch));

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(config.port, config.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  console.log(`Listening on http://${config.host}:${port}`);

  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), SHUTDOWN_LIMIT_MS).unref();
    server.close(() => void db.destroy().then(() => process.exit(0)));
    server.closeIdleConnections();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}
