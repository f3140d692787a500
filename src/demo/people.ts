/** What a person does on GitHub, over its REST API with a token of their own. */
import { claim } from "./check.ts";

export interface Check {
  name: string;
  status: string;
  conclusion: string | null;
  output: { title: string | null; summary: string | null };
}

export interface Comment {
  id: number;
  body: string;
  user: { login: string; type: string };
}

export interface Pull {
  number: number;
  title: string;
  state: string;
  merged: boolean;
  head: { sha: string; ref: string };
  html_url: string;
}

export interface Person {
  login: string;
  createRepository(name: string): Promise<{ full_name: string; html_url: string }>;
  openIssue(repository: string, title: string, body: string): Promise<{ number: number; html_url: string }>;
  comment(repository: string, issue: number, body: string): Promise<Comment>;
  comments(repository: string, issue: number): Promise<Comment[]>;
  reactions(repository: string, comment: number): Promise<string[]>;
  pulls(repository: string): Promise<Pull[]>;
  pull(repository: string, number: number): Promise<Pull>;
  merge(repository: string, number: number): Promise<{ sha: string }>;
  /** The Revert button: GitHub has it in GraphQL alone. */
  revert(repository: string, number: number): Promise<Pull>;
  checks(repository: string, sha: string): Promise<Check[]>;

  call<T>(method: string, path: string, body?: unknown): Promise<T>;
}

/** `apiUrl` without a slash at the end. */
export function createPerson(apiUrl: string, login: string, token: string): Person {
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/vnd.github+json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    claim(response.ok, `${login} could not ${method} ${path}`, { status: response.status, text: text.slice(0, 400) });
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };
  return {
    login,
    call,
    createRepository: (name) => call("POST", "/user/repos", { name, auto_init: true }),
    openIssue: (repository, title, body) => call("POST", `/repos/${repository}/issues`, { title, body }),
    comment: (repository, issue, body) => call("POST", `/repos/${repository}/issues/${issue}/comments`, { body }),
    comments: (repository, issue) => call("GET", `/repos/${repository}/issues/${issue}/comments?per_page=100`),
    async reactions(repository, comment) {
      return (await call<{ content: string }[]>("GET", `/repos/${repository}/issues/comments/${comment}/reactions`)).map(
        (reaction) => reaction.content,
      );
    },
    pulls: (repository) => call("GET", `/repos/${repository}/pulls?state=all&per_page=100`),
    pull: (repository, number) => call("GET", `/repos/${repository}/pulls/${number}`),
    merge: (repository, number) => call("PUT", `/repos/${repository}/pulls/${number}/merge`, { merge_method: "merge" }),
    async revert(repository, number) {
      const { node_id: id } = await call<{ node_id: string }>("GET", `/repos/${repository}/pulls/${number}`);
      const query = "mutation($id: ID!) { revertPullRequest(input: { pullRequestId: $id }) { revertPullRequest { number } } }";
      const graphql = apiUrl.replace(/\/api\/v3$/, "/api/graphql");
      const response = await fetch(graphql, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ query, variables: { id } }),
      });
      const answer = (await response.json()) as {
        data?: { revertPullRequest?: { revertPullRequest?: { number: number } } };
        errors?: unknown;
      };
      const made = answer.data?.revertPullRequest?.revertPullRequest?.number;
      claim(made !== undefined, `${login} could not revert #${number}`, answer);
      return call("GET", `/repos/${repository}/pulls/${made}`);
    },
    async checks(repository, sha) {
      return (await call<{ check_runs: Check[] }>("GET", `/repos/${repository}/commits/${sha}/check-runs?per_page=100`)).check_runs;
    },
  };
}
