/** The runner's entry: who we are by OIDC, what to do by the session, then work or verify; exactly one result, exactly one verdict for the job. */
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as core from "@actions/core";
import { AdorableError, toAdorableError } from "../src/core/errors.ts";
import type { Session, VerifyResult, WorkResult } from "../src/core/runner-protocol.ts";
import { openSession, type RunnerClient } from "../src/verify/runner-client.ts";
import type { VerifyTools } from "../src/verify/gate.ts";
import { describeResult, type Verdict } from "./summary.ts";

const AUDIENCE = "adorable";

interface Job {
  session: Session;
  client: RunnerClient;
  workDir: string;
  gitToken: string;
}

/** Everything but the reading of inputs; rejects when no result could be given. */
async function runJob(): Promise<Verdict> {
  const controlPlane = core.getInput("control-plane", { required: true });
  const runId = core.getInput("run-id", { required: true });
  const phase = core.getInput("phase", { required: true });
  if (phase !== "work" && phase !== "verify") throw badInput("phase", phase, "work or verify");
  if (!/^https?:$/.test(URL.canParse(controlPlane) ? new URL(controlPlane).protocol : ""))
    throw badInput("control-plane", controlPlane, "an http or https URL");

  const oidcToken = await core.getIDToken(AUDIENCE);
  const { session, client } = await openSession(controlPlane, { oidcToken, runId });
  core.setSecret(session.token);
  const { assignment } = session;
  core.info(`Run ${assignment.runId}: ${assignment.kind} on ${assignment.repository.fullName}`);
  const workDir = await mkdtemp(join(process.env["RUNNER_TEMP"] ?? tmpdir(), "adorable-"));
  // Whoever the sandbox runs as passes through, and lists nothing.
  await chmod(workDir, 0o711);
  const job: Job = { session, client, workDir, gitToken: core.getInput("token") };
  const cancelled = onCancel(job);
  try {
    if (assignment.kind !== phase) {
      const error = new AdorableError({
        code: "phase-mismatch",
        remedy: "bug",
        message: `The job is "${phase}", the session is "${assignment.kind}".`,
      });
      await client.result(failure(job, error));
      throw error;
    }
    return describeResult(await Promise.race([carryOut(job), cancelled]));
  } finally {
    await rm(workDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function carryOut(job: Job): Promise<WorkResult | VerifyResult> {
  const { client, gitToken } = job;
  const { assignment } = job.session;
  const dir = join(job.workDir, "run");
  try {
    const tools = await findTools();
    await mkdir(dir, { mode: 0o755 });
    if (assignment.kind === "work") {
      const { runWork } = await import("../src/work/run-work.ts");
      return await runWork({ assignment, client, workDir: dir, tools, gitToken, onFailure: (error) => core.info(String(error.stack)) });
    }
    const { verifyThroughRestarts } = await import("../src/verify/verify-through-restarts.ts");
    const { createReporter } = await import("../src/work/reporter.ts");
    const reporter = createReporter(client);
    const result = await verifyThroughRestarts({
      assignment,
      client,
      workDir: dir,
      tools,
      ...gitConfig(gitToken),
      onEvent: (event) => reporter.report(event),
    });
    await reporter.flush();
    await client.result(result);
    return result;
  } catch (thrown) {
    const error = toAdorableError(thrown);
    core.info(String(error.stack));
    const result = failure(job, error);
    await client.result(result);
    return result;
  }
}

/** The result of a job that could not be carried out: for verification every gate has failed, by name. */
function failure(
  { session: { assignment } }: Job,
  error: AdorableError,
  conclusion: "failure" | "cancelled" = "failure",
): WorkResult | VerifyResult {
  if (assignment.kind === "work") {
    return {
      kind: "work",
      outcome: "failed",
      code: error.code,
      message: error.message.slice(0, 20_000),
      ...(error.hint === undefined ? {} : { hint: error.hint.slice(0, 2000) }),
    };
  }
  const gates = ["types", "modules", "contract", "tests", "browse"] as const;
  const text = `${error.message}${error.hint === undefined ? "" : `\n\n${error.hint}`}`;
  return {
    kind: "verify",
    tree: assignment.tree,
    evidence: gates.map((gate) => ({
      gate,
      conclusion,
      title: `Could not run: ${error.code}`,
      summary: text.slice(0, 60_000),
      annotations: [],
      files: [],
      durationMs: 0,
    })),
    artifacts: {},
  };
}

/** GitHub cancels a job with SIGINT, then SIGTERM: the control plane hears of it at once instead of missing us. */
function onCancel(job: Job): Promise<WorkResult> {
  return new Promise((_resolve, reject) => {
    const cancel = (signal: NodeJS.Signals): void => {
      const error = new AdorableError({ code: "run-cancelled", remedy: "author", message: `The job was cancelled (${signal}).` });
      job.client.result(failure(job, error, "cancelled")).then(
        () => reject(error),
        () => reject(error),
      );
    };
    process.once("SIGINT", cancel);
    process.once("SIGTERM", cancel);
  });
}

/**
 * What the gates are done with, set up by the runner machine before any untrusted code:
 * `ADORABLE_TOOLS` the platform's folder with its node_modules, `ADORABLE_MODULES` a store of the template's packages,
 * `ADORABLE_BROWSER_CACHE` where the browser is unpacked to, `ADORABLE_SANDBOX=optional` where a missing sandbox does not fail the gates.
 */
async function findTools(): Promise<VerifyTools> {
  const platformRoot = process.env["ADORABLE_TOOLS"];
  if (platformRoot === undefined || platformRoot === "") {
    throw new AdorableError({
      code: "tools-missing",
      remedy: "operator",
      message: "ADORABLE_TOOLS is not set: the gates have no tools.",
      hint: "Set ADORABLE_TOOLS on the runner machine to the folder of the platform with its node_modules.",
    });
  }
  const temporary = process.env["RUNNER_TEMP"] ?? tmpdir();
  const { prepareVerifyTools } = await import("../src/verify/tools.ts");
  return prepareVerifyTools({
    platformRoot,
    storeDir: process.env["ADORABLE_MODULES"] ?? join(temporary, "adorable-modules"),
    browserCacheDir: process.env["ADORABLE_BROWSER_CACHE"] ?? join(temporary, "adorable-browser"),
    requireSandbox: process.env["ADORABLE_SANDBOX"] !== "optional",
  });
}

function gitConfig(token: string): { gitConfig?: Record<string, string> } {
  if (token === "") return {};
  return { gitConfig: { "http.extraHeader": `Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}` } };
}

function badInput(name: string, value: string, expected: string): AdorableError {
  return new AdorableError({
    code: "input-invalid",
    remedy: "operator",
    message: `The input "${name}" is "${value}", not ${expected}.`,
    hint: "Compare the workflow file with the one that setup gives.",
  });
}

try {
  const verdict = await runJob();
  core.setOutput("outcome", verdict.outcome);
  if (process.env["GITHUB_STEP_SUMMARY"] !== undefined) await core.summary.addRaw(verdict.summary, true).write();
  core.info(verdict.line);
  if (verdict.failed) core.setFailed(verdict.line);
} catch (thrown) {
  const error = toAdorableError(thrown);
  core.setFailed(`${error.code}: ${error.message}${error.hint === undefined ? "" : ` ${error.hint}`}`);
}
// Sockets that linger would keep the job alive after its verdict.
process.exit();
