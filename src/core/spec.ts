/** `.adorable/spec.json`: the declared desired state of a project. */
import { z } from "zod";
import { AdorableError } from "./errors.ts";

/** An app's slug: folder, host label and (with `_` for `-`) schema name. */
export const slugSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/, "a slug is 2 to 32 of a-z, 0-9 and -, and starts with a letter");

export const contractSchema = z.strictObject({
  /** tRPC procedures that must answer, by dotted name. */
  procedures: z.array(z.strictObject({ name: z.string().regex(/^[a-zA-Z][\w.]*$/), type: z.enum(["query", "mutation"]) })),
  /** Tables that must exist in the app's schema. */
  tables: z.array(z.string().regex(/^[a-z_][a-z0-9_]*$/)),
});
export type Contract = z.infer<typeof contractSchema>;

export const appSpecSchema = z.strictObject({
  slug: slugSchema,
  name: z.string().min(1).max(80),
  contract: contractSchema,
});
export type AppSpec = z.infer<typeof appSpecSchema>;

export const projectSpecSchema = z.strictObject({
  version: z.literal(1),
  apps: z.array(appSpecSchema),
});
export type ProjectSpec = z.infer<typeof projectSpecSchema>;

export const SPEC_PATH = ".adorable/spec.json";
export const EMPTY_SPEC: ProjectSpec = { version: 1, apps: [] };

/**
 * The spec in `text`, the content of `.adorable/spec.json`; `undefined` (no such file) is the empty project.
 * Throws `invalid-spec` (author) naming the path in the document; a slug that stands twice is invalid.
 */
export function parseSpec(text: string | undefined): ProjectSpec {
  if (text === undefined) return EMPTY_SPEC;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid("is not JSON", cause);
  }
  const parsed = projectSpecSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(`at "${issue?.path.join(".") ?? ""}": ${issue?.message ?? "is invalid"}`, parsed.error);
  }
  const slugs = new Set<string>();
  for (const app of parsed.data.apps) {
    if (slugs.has(app.slug)) throw invalid(`declares the app "${app.slug}" twice`);
    slugs.add(app.slug);
  }
  return parsed.data;
}

function invalid(what: string, cause?: unknown): AdorableError {
  return new AdorableError({
    code: "invalid-spec",
    remedy: "author",
    message: `${SPEC_PATH} ${what}.`,
    hint: `Correct ${SPEC_PATH}.`,
    cause,
  });
}
