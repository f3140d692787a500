/** GraphQL, as far as GitHub has no REST for it: a few mutations of pull requests, answered with every field that we have. */
import { z } from "zod";
import { isVisible, type Actor } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import { dequeue } from "../merge-queue.ts";
import { setDraft } from "../pulls.ts";
import { enqueue, queueOf, type QueueEntry } from "../queue-entries.ts";
import type { PullRequest, Repository } from "../records.ts";
import { revertPull } from "../revert.ts";
import { idOfNode, nodeId, type Json } from "../serialize/common.ts";
import { issuePage } from "../serialize/issues.ts";
import { bodyOf, type Api } from "./http.ts";

const request = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
});
const input = z.object({
  clientMutationId: z.string().nullish(),
  title: z.string().nullish(),
  body: z.string().nullish(),
  draft: z.boolean().nullish(),
  expectedHeadOid: z.string().nullish(),
});
type Input = z.infer<typeof input>;

interface Mutation {
  /** Under which the pull request's id comes. */
  key: "pullRequestId" | "id";
  perform(core: ForgeCore, actor: Actor, repository: Repository, pull: PullRequest, input: Input): Promise<Json>;
}

const MUTATIONS: Record<string, Mutation> = {
  revertPullRequest: {
    key: "pullRequestId",
    async perform(core, actor, repository, pull, { title, body, draft }) {
      const options = { title: title ?? undefined, body: body ?? undefined, isDraft: draft ?? undefined };
      const revert = await revertPull(core, actor, repository, pull.number, options);
      return { pullRequest: nodeJson(core, repository, pull), revertPullRequest: nodeJson(core, repository, revert) };
    },
  },
  enqueuePullRequest: {
    key: "pullRequestId",
    async perform(core, actor, repository, pull, { expectedHeadOid }) {
      const entry = enqueue(core, actor, repository, pull.number, expectedHeadOid ?? undefined);
      return { mergeQueueEntry: entryJson(core, repository, pull, entry) };
    },
  },
  dequeuePullRequest: {
    key: "id",
    async perform(core, actor, repository, pull) {
      const entry = await dequeue(core, actor, repository, pull.number);
      return { mergeQueueEntry: entryJson(core, repository, pull, entry) };
    },
  },
  markPullRequestReadyForReview: {
    key: "pullRequestId",
    async perform(core, actor, repository, pull) {
      return { pullRequest: nodeJson(core, repository, setDraft(core, actor, repository, pull.number, false)) };
    },
  },
  convertPullRequestToDraft: {
    key: "pullRequestId",
    async perform(core, actor, repository, pull) {
      return { pullRequest: nodeJson(core, repository, setDraft(core, actor, repository, pull.number, true)) };
    },
  },
};

/** Errors are answered with 200 and `errors`, as GraphQL does. */
export function graphqlRoutes(core: ForgeCore, api: Api): void {
  api.post("/graphql", async (c) => {
    const { query, variables } = await bodyOf(c, request);
    const [name, mutation] = Object.entries(MUTATIONS).find(([one]) => new RegExp(`\\b${one}\\s*\\(`).test(query)) ?? [];
    if (name === undefined || mutation === undefined) {
      const [, field = "query"] = /\{\s*(\w+)/.exec(query) ?? [];
      const message = `Field '${field}' doesn't exist on type '${/^\s*mutation/.test(query) ? "Mutation" : "Query"}'`;
      return c.json({ errors: [{ type: "undefinedField", path: [field], message }] });
    }
    const failure = (type: string, message: string) =>
      c.json({ data: { [name]: null }, errors: [{ type, path: [name], locations: [], message }] });
    const { key } = mutation;
    const given: Record<string, unknown> = (variables?.["input"] as Record<string, unknown> | undefined) ?? { ...variables };
    const id = given[key] ?? given["id"] ?? new RegExp(`\\b${key}:\\s*"([^"]+)"`).exec(query)?.[1];
    const parsed = input.safeParse(given);
    if (typeof id !== "string" || !parsed.success) return failure("UNPROCESSABLE", `The argument input.${key} is required.`);
    const pull = core.state.pullById(idOfNode("PR", id) ?? 0);
    const repository = pull === undefined ? undefined : core.state.repositoryById(pull.repositoryId);
    const actor = c.get("actor");
    if (pull === undefined || repository === undefined || !isVisible(core, actor, repository))
      return failure("NOT_FOUND", `Could not resolve to a node with the global id of '${id}'`);
    try {
      const result = await mutation.perform(core, actor, repository, pull, parsed.data);
      return c.json({ data: { [name]: { clientMutationId: parsed.data.clientMutationId ?? null, ...result } } });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const type = error.status === 403 || error.status === 401 ? "FORBIDDEN" : error.status === 404 ? "NOT_FOUND" : "UNPROCESSABLE";
      return failure(type, error.message);
    }
  });
}

/** Of one that has left: where it would stand no more. */
function entryJson(core: ForgeCore, repository: Repository, pull: PullRequest, entry: QueueEntry): Json {
  return {
    id: nodeId("MQE", entry.id),
    state: "QUEUED",
    enqueuedAt: entry.createdAt,
    position: queueOf(core, repository.id, entry.baseRef).findIndex((one) => one.id === entry.id) + 1,
    pullRequest: nodeJson(core, repository, pull),
  };
}

/** Every field of a pull request that we answer, as it is now; a selection narrower than this gets more than it asked for. */
function nodeJson(core: ForgeCore, repository: Repository, known: PullRequest): Json {
  const pull = core.state.pullById(known.id) ?? known;
  return {
    id: nodeId("PR", pull.id),
    databaseId: pull.id,
    number: pull.number,
    title: pull.title,
    body: pull.body,
    url: issuePage(core, repository, pull),
    state: pull.isMerged ? "MERGED" : pull.state.toUpperCase(),
    isDraft: pull.isDraft,
    merged: pull.isMerged,
    headRefName: pull.headRef,
    headRefOid: pull.headSha,
    baseRefName: pull.baseRef,
    baseRefOid: pull.baseSha,
  };
}
