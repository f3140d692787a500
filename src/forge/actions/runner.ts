/**
 * Takes queued runs and runs them, cancels those that are asked to end, and after a restart ends those that were lost.
 *
 * | run state   | invariant                                   | exits                                                        |
 * |-------------|---------------------------------------------|--------------------------------------------------------------|
 * | queued      | no process; taken up again after a restart  | in_progress by its first job; completed if cancelled/invalid |
 * | in_progress | jobs run in this process's children         | completed; a restart fails it: "The runner was lost."        |
 * | completed   | has a conclusion; nothing of it runs        | queued again by a rerun, as the next attempt                 |
 */
import { mkdir, rm } from "node:fs/promises";
import type { ForgeCore } from "../core.ts";
import type { WorkflowJob, WorkflowRun } from "../records.ts";
import { executeRun, finishJob, finishRun, type Engine } from "./engine.ts";
import type { RunnerSettings } from "./job.ts";
import { CLOSING, killTracked } from "./process.ts";

const LOST = "The runner was lost.";

export interface Runner {
  /** Looks for queued runs and for requests to cancel. */
  wake(): void;
  /** Ends what a crash left: processes, workspaces, and runs that were in progress. Before the first `wake`. */
  recover(): Promise<void>;
  /** Kills what runs and waits for it; those runs count as lost at the next start. */
  close(): Promise<void>;
}

export function createRunner(core: ForgeCore, settings: RunnerSettings): Runner {
  const active = new Map<number, { stop: AbortController; done: Promise<void> }>();
  const slots = createSlots(settings.maxConcurrentJobs);
  const engine: Engine = { core, settings, takeSlot: slots };
  let isClosing = false;

  async function perform(run: WorkflowRun, stop: AbortController): Promise<void> {
    let result: Awaited<ReturnType<typeof executeRun>>;
    try {
      result = await executeRun(engine, run, stop.signal);
    } catch (error) {
      core.log(`The workflow run ${run.id} broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      result = { conclusion: "failure", message: "The runner failed; the forge's log says why." };
    }
    const repository = core.state.repositoryById(run.repositoryId);
    if (repository !== undefined && !isClosing) finishRun(core, repository, run, result.conclusion, result.message);
  }

  function wake(): void {
    if (isClosing) return;
    for (const [id, { stop }] of active) {
      const run = core.state.workflowRun(id);
      if (run === undefined || run.isCancelRequested) stop.abort();
    }
    for (const run of core.db.all<WorkflowRun>("select * from workflowRuns where status = 'queued' order by id")) {
      if (active.has(run.id)) continue;
      const stop = new AbortController();
      if (run.isCancelRequested) stop.abort();
      const done = perform(run, stop).finally(() => {
        active.delete(run.id);
        wake();
      });
      active.set(run.id, { stop, done });
    }
  }

  return {
    wake,
    async recover() {
      const open = core.db.all<WorkflowJob>("select * from workflowJobs where status <> 'completed' or process is not null");
      await killTracked(new Set(open.flatMap((job) => (job.process === null ? [] : [job.process]))));
      await rm(settings.workDir, { recursive: true, force: true });
      await mkdir(settings.workDir, { recursive: true });
      core.db.run("delete from tokens where kind = 'job'");
      for (const run of core.db.all<WorkflowRun>("select * from workflowRuns where status <> 'completed'")) {
        const repository = core.state.repositoryById(run.repositoryId);
        if (repository === undefined) continue;
        const jobs = core.state.jobs(run);
        if (run.status === "queued" && jobs.length === 0) continue;
        for (const job of jobs.filter((item) => item.status !== "completed")) {
          if (job.checkRunId !== null)
            core.db.insert("annotations", {
              checkRunId: job.checkRunId,
              path: ".github",
              startLine: 1,
              endLine: 1,
              level: "failure",
              message: LOST,
            });
          finishJob(core, repository, run, job, { conclusion: "failure", outputs: {} });
        }
        finishRun(core, repository, run, "failure", LOST);
      }
    },
    async close() {
      isClosing = true;
      for (const { stop } of active.values()) stop.abort(CLOSING);
      await Promise.allSettled([...active.values()].map(({ done }) => done));
    },
  };
}

function createSlots(limit: number): Engine["takeSlot"] {
  let used = 0;
  const waiting: (() => void)[] = [];
  const release = (): void => {
    used -= 1;
    waiting.shift()?.();
  };
  return async (signal) => {
    while (used >= limit && !signal.aborted) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        signal.addEventListener(
          "abort",
          () => {
            const at = waiting.indexOf(resolve);
            if (at !== -1) waiting.splice(at, 1);
            resolve();
          },
          { once: true },
        );
      });
    }
    if (signal.aborted) {
      if (used < limit) waiting.shift()?.(); // the place that this one was offered goes to the next
      return undefined;
    }
    used += 1;
    let isReleased = false;
    return () => {
      if (!isReleased) release();
      isReleased = true;
    };
  };
}
