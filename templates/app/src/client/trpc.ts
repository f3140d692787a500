import { createTRPCClient, httpBatchLink, TRPCClientError, type TRPCClient } from "@trpc/client";
import type { inferRouterOutputs } from "@trpc/server";
import { createTRPCContext } from "@trpc/tanstack-react-query";
import type { AppRouter } from "../server/router.ts";

export const { TRPCProvider, useTRPC } = createTRPCContext<AppRouter>();

/** What each procedure answers, as it arrives: moments are ISO strings. */
export type Outputs = inferRouterOutputs<AppRouter>;

interface ErrorData {
  httpStatus?: number;
  fields?: Record<string, string>;
}

/** `send` is how requests leave: the browser's fetch, or a server in the same process under test. */
export function createApiClient(send: typeof fetch = (input, init) => fetch(input, init)): TRPCClient<AppRouter> {
  return createTRPCClient<AppRouter>({
    links: [httpBatchLink({ url: new URL("/api/trpc", location.origin), fetch: (input, init) => send(input as URL, init as RequestInit) })],
  });
}

/** The messages per field that the server refused an input with. */
export function fieldErrorsOf(error: unknown): Record<string, string> {
  return dataOf(error)?.fields ?? {};
}

/** One sentence for people. */
export function messageOf(error: unknown): string {
  if (dataOf(error) === undefined) return "The server did not answer. Check the connection and try again.";
  return (error as Error).message;
}

export function isNotFound(error: unknown): boolean {
  return dataOf(error)?.httpStatus === 404;
}

/** True when repeating the request may help: the server did not answer, or could not. */
export function mayRecover(error: unknown): boolean {
  return (dataOf(error)?.httpStatus ?? 500) >= 500;
}

function dataOf(error: unknown): ErrorData | undefined {
  return error instanceof TRPCClientError ? ((error.data as ErrorData | null) ?? undefined) : undefined;
}
