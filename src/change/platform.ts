/** What the stages of the control plane work with: the ports and adapters that a root chose, and its settings. */
import type { ArtifactStore } from "../artifacts/artifacts.ts";
import type { Clock } from "../core/clock.ts";
import type { PreviewDataPolicy } from "../core/preview-data.ts";
import type { Database } from "../database/database.ts";
import type { GitHub } from "../github/github.ts";
import type { Gateway } from "../runtime/gateway/gateway.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Store } from "../store/store.ts";
import type { Mirrors } from "./mirror.ts";

export interface Settings {
  /** The mention without the `@`. */
  botName: string;
  /** Where runners and people reach the control plane, without a trailing slash. */
  publicUrl: string;
  /** What follows the host label of an app, with the port: `localhost:8080`. */
  appsDomain: string;
  /** Where this process reaches the gateway, whatever names resolve to. */
  gatewayUrl: string;
  approval: "auto" | "plan";
  /** How much of production the data of changes may hold. */
  previewData: PreviewDataPolicy;
  budget: { steps: number; minutes: number; tokens: number };
  /** For how long clients wait at most while a release holds them. */
  holdBudgetMs: number;
  allowedBots: readonly string[];
  /** Folder for git mirrors and exports. */
  dataDir: string;
  models: { architect: string; producer: string; analyst: string };
  oidc: { issuer: string; audience: string; workflow: string; allowedWorkflowShas: readonly string[] };
}

export interface Log {
  info(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

export interface Platform {
  store: Store;
  database: Database;
  runtime: Runtime;
  gateway: Gateway;
  artifacts: ArtifactStore;
  github: GitHub;
  mirrors: Mirrors;
  settings: Settings;
  clock: Clock;
  log: Log;
}
