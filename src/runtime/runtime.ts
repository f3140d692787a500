/**
 * The runtime port: environments, each a set of app processes made from artifacts.
 *
 * An `EnvironmentId` names one immutable instance: the same apps, artifacts and variables for ever. A new release is a new
 * environment beside the old one; which of them people reach is the gateway's business (`gateway/gateway.ts`).
 *
 * | state    | invariant                                             | exits                      |
 * |----------|-------------------------------------------------------|----------------------------|
 * | absent   | nothing of it exists                                  | starting                   |
 * | starting | processes exist, at least one is not ready            | running, stopped           |
 * | running  | every app answered its health probe and still lives   | frozen, stopped, absent    |
 * | frozen   | processes exist and get no CPU                        | running, absent            |
 * | stopped  | known, but at least one process is not there          | starting, absent           |
 */
import type { Digest, EnvironmentId, ProjectId } from "../core/ids.ts";

export interface AppInstance {
  slug: string;
  /** A gzipped tar of the built app folder (without node_modules), from the artifact store. */
  artifact: Digest;
  /** Added to a scrubbed environment; `DATABASE_URL` among them. */
  env: Record<string, string>;
}

export interface EnvironmentSpec {
  id: EnvironmentId;
  project: ProjectId;
  apps: AppInstance[];
}

export type EnvironmentState = "absent" | "starting" | "running" | "frozen" | "stopped";

export interface ObservedApp {
  slug: string;
  state: Exclude<EnvironmentState, "absent">;
  /** Where the gateway forwards to, while it runs. */
  address?: { host: string; port: number };
  /** Why it is not running: the last lines of its output, the exit code. */
  reason?: string;
}

export interface Observed {
  id: EnvironmentId;
  state: EnvironmentState;
  apps: ObservedApp[];
}

export interface LogLine {
  /** ISO 8601. */
  at: string;
  app: string;
  stream: "stdout" | "stderr";
  line: string;
}

export interface Runtime {
  /**
   * Makes the environment run and returns when every app has answered `GET /health` with 200.
   * Idempotent by id; a repeat with another spec throws `environment-exists` (bug).
   * Throws `app-not-ready` (author) when an app exits or does not answer in 45 s: message and details carry its last output, and nothing of it keeps running.
   */
  ensure(environment: EnvironmentSpec): Promise<Observed>;
  observe(id: EnvironmentId): Promise<Observed>;
  freeze(id: EnvironmentId): Promise<void>;
  thaw(id: EnvironmentId): Promise<void>;
  /** The newest `limit` lines, oldest first. */
  logs(id: EnvironmentId, limit: number): Promise<LogLine[]>;
  /** Stops and removes it, files included. Idempotent. */
  remove(id: EnvironmentId): Promise<void>;
  list(): Promise<Observed[]>;
}
