/** What the server is told by its environment. */
export interface Config {
  databaseUrl: string;
  host: string;
  port: number;
  /** Serves the client from its sources and reloads on change. */
  dev: boolean;
}

/** Throws an error that names the variable when one is missing or wrong. */
export function readConfig(env: NodeJS.ProcessEnv, args: string[]): Config {
  const databaseUrl = env.DATABASE_URL;
  if (!databaseUrl) throw new Error("DATABASE_URL is not set. Example: postgresql://user:password@127.0.0.1:5432/app");
  const port = Number(env.PORT ?? "3000");
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT is "${env.PORT}"; a number from 0 to 65535 is needed.`);
  return { databaseUrl, host: env.HOST ?? "127.0.0.1", port, dev: args.includes("--dev") };
}
