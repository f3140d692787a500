/** The base of every procedure: context, errors as clients see them, another try when the database connection was lost. */
import { initTRPC, TRPCError } from "@trpc/server";
import { z } from "zod";
import type { Db } from "./database.ts";
import { hadNoEffect, isDatabaseUnreachable } from "./failures.ts";

const ATTEMPTS_MAX = 3;

export interface Context {
  db: Db;
}

/** Refuses the input with a message per field. */
export class FieldError extends Error {
  readonly fields: Record<string, string>;

  constructor(fields: Record<string, string>) {
    super(Object.values(fields).join(" "));
    this.fields = fields;
  }
}

const t = initTRPC.context<Context>().create({
  isDev: false,
  errorFormatter: ({ shape, error }) => ({
    ...shape,
    message: shape.data.code === "INTERNAL_SERVER_ERROR" ? "Something went wrong on the server." : messageOf(error),
    data: { ...shape.data, fields: fieldsOf(error.cause) },
  }),
});

export const router = t.router;

export const procedure = t.procedure.use(async ({ type, next }) => {
  let result = await next();
  for (let attempt = 2; attempt <= ATTEMPTS_MAX && !result.ok && mayRepeat(result.error.cause, type); attempt += 1) result = await next();
  if (!result.ok && isDatabaseUnreachable(result.error.cause)) {
    throw new TRPCError({
      code: "SERVICE_UNAVAILABLE",
      message: "The database cannot be reached right now. Try again in a moment.",
      cause: result.error.cause,
    });
  }
  return result;
});

/** How many rows a form offers to choose from. */
export const OPTIONS_MAX = 500;

export function notFound(what: string): TRPCError {
  return new TRPCError({ code: "NOT_FOUND", message: `There is no such ${what}.` });
}

/** The input is well-formed and does not fit the rows that there are. */
export function refused(fields: Record<string, string>): TRPCError {
  const cause = new FieldError(fields);
  return new TRPCError({ code: "CONFLICT", message: cause.message, cause });
}

function mayRepeat(cause: unknown, type: string): boolean {
  return hadNoEffect(cause) || (type === "query" && isDatabaseUnreachable(cause));
}

function messageOf(error: TRPCError): string {
  return error.cause instanceof z.ZodError ? (error.cause.issues[0]?.message ?? "The input is invalid.") : error.message;
}

function fieldsOf(cause: unknown): Record<string, string> | undefined {
  if (cause instanceof FieldError) return cause.fields;
  if (!(cause instanceof z.ZodError)) return undefined;
  return Object.fromEntries(cause.issues.toReversed().map((issue) => [String(issue.path[0] ?? ""), issue.message]));
}
