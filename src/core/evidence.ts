/** What a gate found: data, never an opinion. A gate that could not run has failed. */
import { z } from "zod";
import { slugSchema } from "./spec.ts";

/** The gates in the order in which they run and are shown. `migrations` (the rehearsal) and `preview` run in the control plane, the others in the `verify` job. */
export const GATES = ["types", "modules", "contract", "tests", "browse", "migrations", "preview"] as const;
export type GateName = (typeof GATES)[number];

export const annotationSchema = z.strictObject({
  path: z.string(),
  line: z.number().int().positive(),
  message: z.string().max(4000),
});

export const evidenceSchema = z.strictObject({
  gate: z.enum(GATES),
  /** The app that it is of, as a runner reports it; absent where it is of the tree as a whole. */
  app: slugSchema.optional(),
  conclusion: z.enum(["success", "failure", "timed_out", "cancelled"]),
  /** One line that says what was found, with figures: "3 of 5 procedures answered". */
  title: z.string().max(200),
  /** Markdown, ≤ 60,000 characters: the whole evidence. */
  summary: z.string().max(60_000),
  annotations: z.array(annotationSchema).max(50),
  /** Screenshots and other files, stored as artifacts; `name` is shown. */
  files: z.array(z.strictObject({ name: z.string(), contentType: z.string(), digest: z.string() })),
  durationMs: z.number().int().nonnegative(),
  /** It says what was taken away since the base: of another base it would say something else. */
  flagged: z.boolean().optional(),
});
export type Evidence = z.infer<typeof evidenceSchema>;
