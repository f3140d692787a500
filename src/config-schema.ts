/** Every setting of the platform: its name in `adorable.config.json`, its environment variable, what it may be, and its default. */
import { z } from "zod";
import { PREVIEW_DATA } from "./core/preview-data.ts";

const port = z.number().int().min(0).max(65_535);
const previewData = z.enum(PREVIEW_DATA);
const httpUrl = z.string().regex(/^https?:\/\/[^\s/]+(\/[^\s]*[^\s/])?$/, "expected an http(s) address without a slash at the end");
const model = z.string().min(1).meta({
  description:
    '"blueprint" (built in, needs no key), "anthropic/<name>", "openai/<name>", "github/<publisher>/<name>", "ollama/<name>", or an OpenAI-compatible URL.',
});

/** The secret that frameworks fall back to, and others that everybody knows. */
const KNOWN_SECRETS = ["development", "secret", "changeme", "password", "adorable"];

const githubSchema = z
  .strictObject({
    apiUrl: httpUrl.default("https://api.github.com").meta({ description: "Of GitHub Enterprise Server: https://<host>/api/v3." }),
    appId: z.number().int().positive(),
    privateKeyFile: z.string().min(1).meta({ description: "Path of the PEM file that GitHub made for the App." }),
    webhookSecret: z
      .string()
      .min(20, "expected 20 characters or more")
      .refine(
        (secret) => !KNOWN_SECRETS.some((known) => secret.toLowerCase().replaceAll(/[^a-z]/g, "") === known),
        "expected a secret that nobody knows",
      )
      .meta({ description: "At least 20 random characters: `openssl rand -hex 32`." }),
  })
  .meta({ description: "The GitHub App. Without it the platform brings its own GitHub, the forge." });

export const configSchema = z.strictObject({
  $schema: z.string().optional().meta({ description: "For editors; not read." }),
  dataDir: z
    .string()
    .min(1)
    .default(".adorable-data")
    .meta({ description: "Everything that the platform keeps. Relative paths start at the configuration's folder." }),
  host: z.string().min(1).default("127.0.0.1").meta({
    description:
      "An address of this machine at which PostgreSQL clients of other machines reach the databases, over TLS only. All else listens on 127.0.0.1.",
  }),
  databaseTls: z
    .strictObject({
      certificateFile: z.string().min(1).meta({ description: "PEM: the certificate, then what leads to its authority." }),
      keyFile: z.string().min(1).meta({ description: "PEM, not encrypted." }),
    })
    .optional()
    .meta({
      description:
        "What the databases show to clients that ask for TLS. Default: a self-signed certificate, whose copy for clients is proxy/certificate.pem in the data directory.",
    }),
  ports: z
    .strictObject({
      controlPlane: port.default(0),
      gateway: port.default(0).meta({ description: "Where the apps answer." }),
      database: port.default(0).meta({ description: "Where PostgreSQL clients connect." }),
      forge: port.default(0),
    })
    .prefault({})
    .meta({ description: "0 is any free one." }),
  publicUrl: httpUrl.optional().meta({ description: "Where GitHub and the runners reach the control plane. Needed with `github`." }),
  appsDomain: z
    .string()
    .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?$/, "expected a domain, with a port if need be")
    .optional()
    .meta({ description: "What follows an app's label in its host name. Default: localhost and the gateway's port." }),
  logLevel: z.enum(["fatal", "error", "warn", "info", "debug"]).default("info"),
  botName: z
    .string()
    .regex(/^[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}$/, "expected a GitHub login")
    .default("adorable")
    .meta({ description: "The name that people mention, without the @." }),
  approval: z.enum(["auto", "plan"]).default("auto").meta({ description: "`plan`: every plan waits for `approve <hash>`." }),
  previewData: previewData.default("empty").meta({
    description:
      "What previews and agents see. `empty`: no row of production. `masked`: a copy that each app's released `db/mask.sql` has overwritten. `full`: production's rows; only on a machine where nobody else can open a preview.",
  }),
  projects: z
    .record(z.string().regex(/^[^/\s]+\/[^/\s]+$/, "expected owner/repository"), z.strictObject({ previewData: previewData.optional() }))
    .default({})
    .meta({ description: "What differs for single projects, by `owner/repository`. Nothing in a repository can change it." }),
  models: z
    .strictObject({ architect: model.default("blueprint"), producer: model.default("blueprint"), analyst: model.default("blueprint") })
    .prefault({}),
  budget: z
    .strictObject({
      steps: z.number().int().min(1).max(10_000).default(200),
      minutes: z.number().min(1).max(360).default(30),
      tokens: z.number().int().min(1000).max(1_000_000_000).default(2_000_000),
    })
    .prefault({})
    .meta({ description: "Of one run. At a limit it stops, keeps the work and says so." }),
  holdBudgetMs: z
    .number()
    .int()
    .min(500)
    .max(60_000)
    .default(5000)
    .meta({ description: "For how long clients wait at most while a release holds them." }),
  history: z
    .strictObject({
      days: z.number().min(0.01).max(3650).default(7),
      gigabytes: z.number().min(0.1).max(100_000).default(16).meta({
        description: "Of copies and log, for an app's production with all that was branched from it. The oldest goes first.",
      }),
    })
    .prefault({})
    .meta({
      description:
        "How far back data can be restored and branched from. What a release, a change or a restore point refers to is kept in any case.",
    }),
  allowedBots: z
    .array(z.string().regex(/^[A-Za-z0-9-]+\[bot\]$/, 'expected a bot\'s login: "name[bot]"'))
    .default([])
    .meta({ description: "Bots that may command. Nobody else but writers may." }),
  trustCode: z
    .boolean()
    .default(false)
    .meta({ description: "Runs generated code without a sandbox also with a real model or a remote GitHub." }),
  github: githubSchema.optional(),
});

export type Config = Omit<z.output<typeof configSchema>, "$schema">;

export interface EnvironmentVariable {
  name: string;
  /** In the configuration. */
  path: readonly [string, ...string[]];
  kind: "text" | "number" | "boolean" | "list";
  /** Never printed. */
  isSecret?: true;
}

export const ENVIRONMENT: readonly EnvironmentVariable[] = [
  { name: "ADORABLE_DATA_DIR", path: ["dataDir"], kind: "text" },
  { name: "ADORABLE_HOST", path: ["host"], kind: "text" },
  { name: "ADORABLE_DATABASE_TLS_CERTIFICATE_FILE", path: ["databaseTls", "certificateFile"], kind: "text" },
  { name: "ADORABLE_DATABASE_TLS_KEY_FILE", path: ["databaseTls", "keyFile"], kind: "text" },
  { name: "ADORABLE_PORT", path: ["ports", "controlPlane"], kind: "number" },
  { name: "ADORABLE_GATEWAY_PORT", path: ["ports", "gateway"], kind: "number" },
  { name: "ADORABLE_DATABASE_PORT", path: ["ports", "database"], kind: "number" },
  { name: "ADORABLE_FORGE_PORT", path: ["ports", "forge"], kind: "number" },
  { name: "ADORABLE_PUBLIC_URL", path: ["publicUrl"], kind: "text" },
  { name: "ADORABLE_APPS_DOMAIN", path: ["appsDomain"], kind: "text" },
  { name: "ADORABLE_LOG_LEVEL", path: ["logLevel"], kind: "text" },
  { name: "ADORABLE_BOT_NAME", path: ["botName"], kind: "text" },
  { name: "ADORABLE_APPROVAL", path: ["approval"], kind: "text" },
  { name: "ADORABLE_PREVIEW_DATA", path: ["previewData"], kind: "text" },
  { name: "ADORABLE_MODEL_ARCHITECT", path: ["models", "architect"], kind: "text" },
  { name: "ADORABLE_MODEL_PRODUCER", path: ["models", "producer"], kind: "text" },
  { name: "ADORABLE_MODEL_ANALYST", path: ["models", "analyst"], kind: "text" },
  { name: "ADORABLE_BUDGET_STEPS", path: ["budget", "steps"], kind: "number" },
  { name: "ADORABLE_BUDGET_MINUTES", path: ["budget", "minutes"], kind: "number" },
  { name: "ADORABLE_BUDGET_TOKENS", path: ["budget", "tokens"], kind: "number" },
  { name: "ADORABLE_HOLD_BUDGET_MS", path: ["holdBudgetMs"], kind: "number" },
  { name: "ADORABLE_HISTORY_DAYS", path: ["history", "days"], kind: "number" },
  { name: "ADORABLE_HISTORY_GIGABYTES", path: ["history", "gigabytes"], kind: "number" },
  { name: "ADORABLE_ALLOWED_BOTS", path: ["allowedBots"], kind: "list" },
  { name: "ADORABLE_TRUST_CODE", path: ["trustCode"], kind: "boolean" },
  { name: "ADORABLE_GITHUB_API_URL", path: ["github", "apiUrl"], kind: "text" },
  { name: "ADORABLE_GITHUB_APP_ID", path: ["github", "appId"], kind: "number" },
  { name: "ADORABLE_GITHUB_PRIVATE_KEY_FILE", path: ["github", "privateKeyFile"], kind: "text" },
  { name: "ADORABLE_GITHUB_WEBHOOK_SECRET", path: ["github", "webhookSecret"], kind: "text", isSecret: true },
];

/** Between the platform's own processes, and for its tests: settings of nobody. */
export const INTERNAL_VARIABLES = [
  "ADORABLE_SERVER_SETTINGS",
  "ADORABLE_EDGE_SETTINGS",
  "ADORABLE_END_WITH_STDIN",
  "ADORABLE_PROCESS",
  "ADORABLE_FORGE_DATA",
  "ADORABLE_FORGE_HOST",
  "ADORABLE_FORGE_ADMIN_TOKEN",
  "ADORABLE_FORGE_PLATFORM_ACTION",
  "ADORABLE_FORGE_PLATFORM_FILES",
  "ADORABLE_FORGE_WORK_DIR",
  "ADORABLE_FORGE_JOB_ENV",
  "ADORABLE_FORGE_OBSERVER",
  "ADORABLE_TOOLS",
  "ADORABLE_MODULES",
  "ADORABLE_SANDBOX",
  "ADORABLE_BROWSER",
  "ADORABLE_BROWSER_CACHE",
  "ADORABLE_CRASH",
  "ADORABLE_REQUIRE",
];

/** JSON Schema of `adorable.config.json`, as published in `docs/config.schema.json`. */
export function configJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(configSchema, { io: "input" }), title: "Adorable configuration" };
}
