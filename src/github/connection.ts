/** Octokit as this project uses it: authenticated per installation, with a deadline, and with our errors. */
import { Octokit } from "@octokit/rest";
import type { Clock } from "../core/clock.ts";
import { type TokenCache } from "./app-token.ts";
import { hasStatus, toGitHubError } from "./errors.ts";

export type { Octokit } from "@octokit/rest";

const USER_AGENT = "adorable";
const API_VERSION = "2022-11-28";

export interface ConnectionOptions {
  /** The API's address: `https://api.github.com`, `https://ghes.example/api/v3`. */
  baseUrl: string;
  timeoutMs: number;
  clock: Clock;
}

/** Speaks as the App itself. */
export function connectAsApp(options: ConnectionOptions, jwt: () => Promise<string>): Octokit {
  return connect(options, async () => `Bearer ${await jwt()}`);
}

/** Speaks as one installation; a token that GitHub no longer takes is renewed once. */
export function connectAsInstallation(options: ConnectionOptions, tokens: TokenCache, installationId: number): Octokit {
  return connect(
    options,
    async () => `token ${await tokens.get(installationId)}`,
    () => tokens.drop(installationId),
  );
}

function connect(options: ConnectionOptions, authorization: () => Promise<string>, renew?: () => void): Octokit {
  const { baseUrl, timeoutMs, clock } = options;
  const octokit = new Octokit({
    baseUrl,
    userAgent: USER_AGENT,
    // Errors carry what Octokit would print.
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    request: { fetch: (url: string, init: RequestInit) => fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) }) },
  });
  octokit.hook.wrap("request", async (request, parameters) => {
    const ask = async () => {
      parameters.headers.authorization = await authorization();
      parameters.headers["x-github-api-version"] = API_VERSION;
      return request(parameters);
    };
    try {
      try {
        return await ask();
      } catch (error) {
        if (renew === undefined || !hasStatus(error, 401)) throw error;
        renew();
        return await ask();
      }
    } catch (error) {
      throw toGitHubError(error, `${parameters.method} ${parameters.url.replace(baseUrl, "")}`, clock.now().getTime());
    }
  });
  return octokit;
}

function ignore(): void {}

/** What a repository's methods are made from. */
export interface Connection {
  octokit: Octokit;
  owner: string;
  repo: string;
  appId: number;
  botLogin(): Promise<string>;
  /** Everything that is posted goes through here. */
  outgoing(text: string, limit?: number): string;
}

/** The answer, or undefined when GitHub says that it does not exist. */
export async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}
