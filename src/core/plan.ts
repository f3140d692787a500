/** The plan: what the architect commits to before anything is built. Immutable; approved by its hash and no other way. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { contractSchema, slugSchema } from "./spec.ts";

export const taskSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,40}$/),
  title: z.string().min(1).max(120),
  /** The app whose tree the task may write. Resolved: never a sentinel once a plan is stored. */
  app: slugSchema,
  /** Globs relative to the app's folder. */
  scope: z.array(z.string().min(1)).min(1),
  /** Statements that the gates or a reader can check. */
  acceptance: z.array(z.string().min(1)).min(1),
});
export type Task = z.infer<typeof taskSchema>;

export const planSchema = z.strictObject({
  title: z.string().min(1).max(120),
  summary: z.string().min(1).max(2000),
  /** Apps that do not exist yet, with their display name. */
  createsApps: z.array(z.strictObject({ slug: slugSchema, name: z.string().min(1).max(80) })),
  /** The contract of every app that the plan touches, as it shall be afterwards. */
  contracts: z.record(slugSchema, contractSchema),
  tasks: z.array(taskSchema).min(1).max(40),
});
export type Plan = z.infer<typeof planSchema>;

/** The first 12 hex digits of the SHA-256 of the plan's canonical JSON: short enough to type, bound to every word of it. */
export function planHash(plan: Plan): string {
  return createHash("sha256").update(canonicalJson(plan)).digest("hex").slice(0, 12);
}

/** JSON with sorted keys and no spaces: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
