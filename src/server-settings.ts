/** What the control plane is told by its environment: read once, checked whole. */
import { z } from "zod";
import { AdorableError } from "./core/errors.ts";
import type { Settings } from "./change/platform.ts";

const schema = z.object({
  /** Shared with the edge, which starts apps from it. */
  artifactsDir: z.string().min(1),
  storeUrl: z.string().min(1),
  edgeSocket: z.string().min(1),
  host: z.string().default("127.0.0.1"),
  port: z.number().int().min(0).max(65_535),
  logLevel: z.enum(["fatal", "error", "warn", "info", "debug"]).default("info"),
  /** For the operator's own calls; at least 32 characters. */
  operatorToken: z.string().min(32),
  github: z.object({
    apiUrl: z.url(),
    appId: z.number().int().positive(),
    privateKeyFile: z.string().min(1),
    webhookSecret: z
      .string()
      .min(20)
      .refine((secret) => secret !== "development", "the default secret is refused"),
  }),
  platform: z.custom<Settings>((value) => typeof value === "object" && value !== null),
});
export type ServerSettings = z.infer<typeof schema>;

/** The settings in `ADORABLE_SERVER_SETTINGS` (JSON), as the root that starts this process composed them. Throws `config-invalid` (operator). */
export function readServerSettings(env: NodeJS.ProcessEnv): ServerSettings {
  const text = env["ADORABLE_SERVER_SETTINGS"] ?? "";
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid("ADORABLE_SERVER_SETTINGS is not JSON", cause);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(`"${issue?.path.join(".") ?? ""}": ${issue?.message ?? "is invalid"}`, parsed.error);
}

function invalid(what: string, cause: unknown): AdorableError {
  return new AdorableError({
    code: "config-invalid",
    remedy: "operator",
    message: `The control plane's settings are wrong: ${what}.`,
    hint: "Start it with `adorable up`, which composes them.",
    cause,
  });
}
