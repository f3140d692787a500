/** Parses workflow and action files into what the runner can run, and refuses, by name, what it cannot. */
import { parse } from "yaml";
import { z } from "zod";
import { JOB_PERMISSIONS } from "../permissions.ts";
import type { Permissions } from "../records.ts";
import { WorkflowError } from "./expressions.ts";

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const scalars = z
  .record(z.string(), scalar.nullable())
  .transform((record) => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, value === null ? "" : String(value)])));
const level = z.enum(["read", "write", "none"]);
const permissions = z.union([z.enum(["read-all", "write-all"]), z.partialRecord(z.enum(JOB_PERMISSIONS), level)]);
const expression = z.union([z.string(), z.boolean()]).transform(String);

const input = z
  .strictObject({
    description: z.string().optional(),
    required: z.boolean().default(false),
    default: scalar.optional(),
    type: z.enum(["string", "boolean", "number", "choice", "environment"]).default("string"),
    options: z.array(z.string()).optional(),
    deprecationMessage: z.string().optional(),
  })
  .nullable()
  .transform((value) => value ?? { required: false, type: "string" as const });
export type Input = z.infer<typeof input>;
const inputs = z
  .record(z.string(), input)
  .nullish()
  .transform((value) => value ?? {});

const dispatch = z
  .strictObject({ inputs })
  .nullable()
  .transform((value) => value ?? { inputs: {} });
const called = z
  .strictObject({ inputs, outputs: z.record(z.string(), z.object({ value: z.string() })).optional(), secrets: z.unknown().optional() })
  .nullable()
  .transform((value) => value ?? { inputs: {} });

const step = z.strictObject({
  id: z.string().optional(),
  name: z.string().optional(),
  if: expression.optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  with: scalars.optional(),
  env: scalars.optional(),
  "continue-on-error": z.boolean().optional(),
  "timeout-minutes": z.number().positive().optional(),
  shell: z.string().optional(),
  "working-directory": z.string().optional(),
});
export type Step = z.infer<typeof step>;

const job = z.strictObject({
  name: z.string().optional(),
  needs: z.union([z.string().transform((name) => [name]), z.array(z.string())]).default([]),
  if: expression.optional(),
  permissions: permissions.optional(),
  "runs-on": z.unknown().optional(),
  "timeout-minutes": z.union([z.number().positive(), z.string()]).optional(),
  env: scalars.optional(),
  outputs: z.record(z.string(), z.string()).optional(),
  steps: z.array(step).optional(),
  uses: z.string().optional(),
  with: scalars.optional(),
  "continue-on-error": z.boolean().optional(),
});
export type Job = z.infer<typeof job>;

const triggers = z.union([
  z.string().transform((event) => ({ [event]: null })),
  z.array(z.string()).transform((events) => Object.fromEntries(events.map((event) => [event, null]))),
  z.record(z.string(), z.unknown()),
]);
const workflow = z.strictObject({
  name: z.string().optional(),
  "run-name": z.string().optional(),
  on: triggers,
  permissions: permissions.optional(),
  env: scalars.optional(),
  jobs: z.record(z.string().regex(/^[A-Za-z_][\w-]*$/, "is not a job id"), job),
});

export interface Workflow {
  name: string;
  runName: string | undefined;
  dispatch: { inputs: Record<string, Input> } | undefined;
  called: { inputs: Record<string, Input>; outputs: Record<string, string> } | undefined;
  /** Undefined: the restricted default. */
  permissions: z.infer<typeof permissions> | undefined;
  env: Record<string, string>;
  jobs: Record<string, Job>;
}

/** Throws `WorkflowError` that names the place in the file. */
export function parseWorkflow(path: string, text: string): Workflow {
  const parsed = workflow.safeParse(readYaml(path, text));
  if (!parsed.success) throw invalidFile(path, parsed.error);
  const { on, jobs, env = {} } = parsed.data;
  for (const [id, item] of Object.entries(jobs)) checkJob(path, id, item, jobs);
  const dispatched = "workflow_dispatch" in on ? dispatch.safeParse(on["workflow_dispatch"]) : undefined;
  const callable = "workflow_call" in on ? called.safeParse(on["workflow_call"]) : undefined;
  for (const trigger of [dispatched, callable]) if (trigger?.success === false) throw invalidFile(path, trigger.error);
  const outputs = Object.entries(callable?.data?.outputs ?? {}).map(([name, output]) => [name, output.value] as const);
  return {
    name: parsed.data.name ?? path,
    runName: parsed.data["run-name"],
    dispatch: dispatched?.data,
    called: callable?.data === undefined ? undefined : { inputs: callable.data.inputs, outputs: Object.fromEntries(outputs) },
    permissions: parsed.data.permissions,
    env,
    jobs,
  };
}

function checkJob(path: string, id: string, item: Job, jobs: Record<string, Job>): void {
  if ((item.uses === undefined) === (item.steps === undefined))
    throw new WorkflowError(`${path}: the job "${id}" needs either "steps" or "uses".`);
  for (const need of item.needs) {
    if (jobs[need] === undefined) throw new WorkflowError(`${path}: the job "${id}" needs "${need}", which is not a job of this file.`);
  }
  if (reaches(jobs, id, id, new Set())) throw new WorkflowError(`${path}: the job "${id}" needs itself.`);
  for (const [index, each] of (item.steps ?? []).entries()) {
    if ((each.uses === undefined) === (each.run === undefined))
      throw new WorkflowError(`${path}: step ${index + 1} of the job "${id}" needs either "uses" or "run".`);
    if (each.shell !== undefined && each.shell !== "bash")
      throw new WorkflowError(`${path}: step ${index + 1} of the job "${id}" wants the shell "${each.shell}"; this runner has bash.`);
  }
}

function reaches(jobs: Record<string, Job>, from: string, to: string, seen: Set<string>): boolean {
  if (seen.has(from)) return false;
  seen.add(from);
  return (jobs[from]?.needs ?? []).some((need) => need === to || reaches(jobs, need, to, seen));
}

const action = z.object({
  name: z.string(),
  inputs: z.record(z.string(), z.object({ required: z.boolean().optional(), default: scalar.optional() }).nullable()).nullish(),
  runs: z.object({
    using: z.string(),
    main: z.string().optional(),
    post: z.string().optional(),
    "post-if": z.string().optional(),
    pre: z.string().optional(),
  }),
});
export interface Action {
  name: string;
  /** Input → default, or undefined for none. */
  inputs: Record<string, string | undefined>;
  main: string;
  post: string | undefined;
}

export function parseAction(path: string, text: string): Action {
  const parsed = action.safeParse(readYaml(path, text));
  if (!parsed.success) throw invalidFile(path, parsed.error);
  const { name, runs } = parsed.data;
  if (!/^node(20|24)$/.test(runs.using) || runs.main === undefined)
    throw new WorkflowError(`${path}: this runner runs JavaScript actions, not "${runs.using}".`);
  if (runs.pre !== undefined) throw new WorkflowError(`${path}: this runner does not run "pre".`);
  const defaults = Object.entries(parsed.data.inputs ?? {}).map(
    ([key, value]) => [key, value?.default === undefined ? undefined : String(value.default)] as const,
  );
  return { name, inputs: Object.fromEntries(defaults), main: runs.main, post: runs.post };
}

/** What GitHub grants a token when neither the workflow nor the job says. */
const RESTRICTED: Permissions = { contents: "read", packages: "read" };

/** The permissions written in a file, as granted ones: absent names mean none. */
export function grantedPermissions(written: z.infer<typeof permissions> | undefined): Permissions {
  if (written === undefined) return RESTRICTED;
  if (written === "read-all" || written === "write-all") {
    return Object.fromEntries(
      JOB_PERMISSIONS.filter((name) => name !== "id-token").map((name) => [name, written === "read-all" ? "read" : "write"]),
    );
  }
  return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== "none")) as Permissions;
}

function readYaml(path: string, text: string): unknown {
  try {
    return parse(text, { version: "1.2", merge: false });
  } catch (error) {
    throw new WorkflowError(`${path} is not YAML: ${error instanceof Error ? error.message.split("\n", 1)[0] : String(error)}`);
  }
}

function invalidFile(path: string, error: z.ZodError): WorkflowError {
  const [issue] = error.issues;
  return new WorkflowError(`${path} is not valid at "${issue?.path.join(".") ?? ""}": ${issue?.message ?? "unknown"}`);
}
