import { createTRPCClient, httpBatchLink, TRPCClientError, type TRPCClient } from "@trpc/client";
import { createTRPCContext } from "@trpc/tanstack-react-query";
import type { AppRouter } from "../server/router.ts";

export const { TRPCProvider, useTRPC } = createTRPCContext<AppRouter>();

type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** `send` is how requests leave: the browser's fetch, or a server in the same process under test. */
export function createApiClient(send: Fetch = (input, init) => fetch(input, init)): TRPCClient<AppRouter> {
  return createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: new URL("/api/trpc", location.origin), fetch: (input, init) => send(input, init as RequestInit) })] });
}

/** The messages per field that the server refused an input with. */
export function fieldErrorsOf(error: unknown): Record<string, string> {
  return (error instanceof TRPCClientError && (error.data as { fields?: Record<string, string> } | null)?.fields) || {};
}

export function isNotFound(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** True when repeating the request may help: the server did not answer, or could not. */
export function mayRecover(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined || status >= 500;
}

function statusOf(error: unknown): number | undefined {
  return error instanceof TRPCClientError ? (error.data as { httpStatus?: number } | null)?.httpStatus : undefined;
}
