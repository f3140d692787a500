/** Check runs: the evidence of the gates, beside the commit that they judged. */
import type { Connection } from "./connection.ts";
import type { CheckRunInput } from "./github.ts";

/** GitHub takes that many in one call and adds each call's to those before. */
const ANNOTATIONS_PER_CALL = 50;
const MAX_SUMMARY = 65_535;
const MAX_TITLE = 255;
const MAX_MESSAGE = 60_000;

interface StandingCheckRun {
  id: number;
  status: string;
  html_url: string | null;
  output: { annotations_count: number };
}

export async function upsertCheckRun(connection: Connection, input: CheckRunInput): Promise<{ id: number; url: string }> {
  const { octokit, owner, repo } = connection;
  const standing = await findCheckRun(connection, input);
  const isReopened = standing?.status === "completed" && input.status !== "completed";
  const kept = isReopened ? undefined : standing;

  // What is there was sent by an earlier try in the same order: go on after it.
  const rest = (input.annotations ?? []).slice(kept?.output.annotations_count ?? 0);
  const batches = Array.from({ length: Math.max(1, Math.ceil(rest.length / ANNOTATIONS_PER_CALL)) }, (_, index) =>
    rest.slice(index * ANNOTATIONS_PER_CALL, (index + 1) * ANNOTATIONS_PER_CALL),
  );
  const output = {
    title: connection.outgoing(input.title).slice(0, MAX_TITLE),
    summary: connection.outgoing(input.summary, MAX_SUMMARY),
  };
  const common = {
    owner,
    repo,
    name: input.name,
    external_id: input.externalId,
    ...(input.detailsUrl === undefined ? {} : { details_url: input.detailsUrl }),
  };

  let id = kept?.id;
  let url = kept?.html_url ?? "";
  for (const [index, batch] of batches.entries()) {
    // Completed with the last batch only, so that nobody merges on half of the evidence.
    const isLast = index === batches.length - 1;
    const progress = isLast ? state(input) : { status: "in_progress" as const };
    const annotations = batch.map((annotation) => toAnnotation(connection, annotation));
    const body = { ...common, ...progress, output: annotations.length === 0 ? output : { ...output, annotations } };
    const { data } =
      id === undefined
        ? await octokit.rest.checks.create({ ...body, head_sha: input.headSha })
        : await octokit.rest.checks.update({ ...body, check_run_id: id });
    id = data.id;
    url = data.html_url ?? url;
  }
  return { id: id as number, url };
}

async function findCheckRun({ octokit, owner, repo, appId }: Connection, input: CheckRunInput): Promise<StandingCheckRun | undefined> {
  const wanted = { owner, repo, ref: input.headSha, check_name: input.name, filter: "all" as const, per_page: 100 };
  const runs = await octokit.paginate(octokit.rest.checks.listForRef, wanted);
  const ours = runs.filter((run) => run.external_id === input.externalId && run.name === input.name && run.app?.id === appId);
  return ours.sort((a, b) => b.id - a.id)[0];
}

function state(input: CheckRunInput) {
  if (input.status !== "completed") return { status: input.status };
  // A check that ended without a verdict has not passed.
  return { status: input.status, conclusion: input.conclusion ?? ("failure" as const) };
}

function toAnnotation(connection: Connection, annotation: { path: string; line: number; message: string }) {
  const { path, line, message } = annotation;
  return {
    path,
    start_line: line,
    end_line: line,
    annotation_level: "failure" as const,
    message: connection.outgoing(message, MAX_MESSAGE),
  };
}
