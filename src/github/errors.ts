/** What GitHub's refusals mean here: whose turn it is, and when to come back. */
import { AdorableError } from "../core/errors.ts";

interface ResponseError {
  status: number;
  message: string;
  response?: { headers?: Record<string, string | number | undefined>; data?: unknown };
}

/** True for an answer of GitHub's with this status. */
export function hasStatus(error: unknown, ...statuses: number[]): boolean {
  if (AdorableError.isInstance(error)) return statuses.includes(Number(error.details.status));
  return isResponseError(error) && statuses.includes(error.status);
}

/** `what` names the call: "GET /repos/{owner}/{repo}/issues/{issue_number}". */
export function toGitHubError(error: unknown, what: string, nowMs: number): AdorableError {
  if (AdorableError.isInstance(error)) return error;
  if (!isResponseError(error)) return unreachable(what, error);
  const details = { status: error.status, call: what };
  const retryAfterMs = rateLimitMs(error, nowMs);
  if (retryAfterMs !== undefined) {
    const message = `GitHub's rate limit stopped "${what}".`;
    return new AdorableError({ code: "github-rate-limited", remedy: "wait", message, details: { ...details, retryAfterMs }, cause: error });
  }
  const said = `GitHub answered "${what}" with ${error.status}: ${error.message}`;
  if (error.status === 401 || error.status === 403) {
    const hint = "Check the App's id, private key and permissions, and accept its new permissions on the installation.";
    return new AdorableError({ code: "github-forbidden", remedy: "operator", message: said, hint, details, cause: error });
  }
  if (error.status === 404 || error.status === 410) {
    const hint = "Check that it exists and that the App is installed on the repository.";
    return new AdorableError({ code: "github-not-found", remedy: "operator", message: said, hint, details, cause: error });
  }
  if (error.status >= 500) return unreachable(what, error, details);
  return new AdorableError({ code: "github-refused", remedy: "bug", message: said, details, cause: error });
}

function unreachable(what: string, cause: unknown, details: Record<string, unknown> = { call: what }): AdorableError {
  const reason = cause instanceof Error ? cause.message : "no answer";
  return new AdorableError({
    code: "github-unreachable",
    remedy: "wait",
    message: `GitHub did not answer "${what}": ${reason}`,
    details,
    cause,
  });
}

/** Primary limits say when they end, secondary ones how long to wait; both come as 403 or 429. */
function rateLimitMs(error: ResponseError, nowMs: number): number | undefined {
  if (error.status !== 403 && error.status !== 429) return undefined;
  const headers = error.response?.headers ?? {};
  const retryAfter = Number(headers["retry-after"]);
  if (Number.isFinite(retryAfter) && headers["retry-after"] !== undefined) return Math.max(1000, retryAfter * 1000);
  if (String(headers["x-ratelimit-remaining"]) === "0")
    return Math.max(1000, Number(headers["x-ratelimit-reset"]) * 1000 - nowMs || 60_000);
  if (error.status === 429 || /secondary rate limit/i.test(error.message)) return 60_000;
  return undefined;
}

function isResponseError(error: unknown): error is ResponseError {
  // Octokit gives failures of the network the status 500 and no response.
  return (
    error instanceof Error && "status" in error && typeof error.status === "number" && "response" in error && error.response !== undefined
  );
}
