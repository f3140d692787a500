/** The durable queue: graphile-worker in the store's own database, so that work is enqueued in the transaction that causes it. */
import { Logger, run, runMigrations } from "graphile-worker";
import type { ProjectId } from "../core/ids.ts";
import type { Sql, Store } from "./store.ts";

export interface QueueHandlers {
  /** One delivery, by id. */
  delivery(id: string): Promise<void>;
  /** One pass over a project. The answer says when the next one is due, if any. */
  reconcile(project: ProjectId): Promise<{ afterMs: number } | undefined>;
}

/** Asks for a pass over the project: at once, or after a while. A pass that is due earlier absorbs it. */
export async function enqueueReconcile(sql: Sql, project: ProjectId, afterMs = 0): Promise<void> {
  await sql.rows(
    `select graphile_worker.add_job('reconcile', json_build_object('project', $1::text), queue_name := $2, run_at := now() + $3 * interval '1 millisecond',
       max_attempts := 25, job_key := $4, job_key_mode := 'replace')`,
    [project, `project:${project}`, afterMs, `reconcile:${project}`],
  );
}

/** Deliveries of one repository are processed in the order in which they were stored. */
export async function enqueueDelivery(sql: Sql, id: string, repositoryId: number | null): Promise<void> {
  await sql.rows(
    `select graphile_worker.add_job('delivery', json_build_object('id', $1::text), queue_name := $2, max_attempts := 25, job_key := $3)`,
    [id, `deliveries:${repositoryId ?? "none"}`, `delivery:${id}`],
  );
}

/**
 * Works the queue until `stop`. The caller holds the control-plane lock, so whatever locks are left belong to a dead
 * process and are released first.
 */
export async function startQueue(
  store: Store,
  handlers: QueueHandlers,
  onError: (error: unknown) => void,
): Promise<{ stop(): Promise<void> }> {
  const logger = new Logger(() => (level, message, meta) => {
    if (level === "error") onError(meta?.["error"] ?? new Error(message));
  });
  await runMigrations({ pgPool: store.pool, logger });
  await store.rows(
    `with dead as (select array_agg(distinct locked_by) as ids from graphile_worker._private_jobs where locked_by is not null),
          queues as (select array_agg(distinct locked_by) as ids from graphile_worker._private_job_queues where locked_by is not null)
     select graphile_worker.force_unlock_workers(coalesce(dead.ids, '{}') || coalesce(queues.ids, '{}')) from dead, queues`,
  );
  const runner = await run({
    pgPool: store.pool,
    logger,
    noHandleSignals: true,
    concurrency: 4,
    pollInterval: 1000,
    taskList: {
      delivery: async (payload) => handlers.delivery((payload as { id: string }).id),
      reconcile: async (payload) => {
        const project = (payload as { project: ProjectId }).project;
        const next = await handlers.reconcile(project);
        if (next) await enqueueReconcileUnlessDue(store, project, next.afterMs);
      },
    },
  });
  return { stop: () => runner.stop() };
}

/** A pass that somebody asked for meanwhile stands; else the next one is due after `afterMs`. */
async function enqueueReconcileUnlessDue(sql: Sql, project: ProjectId, afterMs: number): Promise<void> {
  await sql.rows(
    `select graphile_worker.add_job('reconcile', json_build_object('project', $1::text), queue_name := $2,
       run_at := least(now() + $3 * interval '1 millisecond', coalesce((select run_at from graphile_worker.jobs where key = $4 and locked_at is null), 'infinity')),
       max_attempts := 25, job_key := $4, job_key_mode := 'replace')`,
    [project, `project:${project}`, afterMs, `reconcile:${project}`],
  );
}
