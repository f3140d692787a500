/** What the platform itself wrote down about one project, in milliseconds since the epoch: nothing here is measured from outside. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BACKEND_DATABASE } from "../src/database/computes.ts";
import { ADMIN_ROLE } from "../src/database/database.ts";
import { withConnection } from "../src/database/migrations/connection.ts";
import type { OneMachine } from "../src/one-machine/one-machine.ts";

export interface Delivered {
  event: string;
  action: string | null;
  at: number;
}

export interface Run {
  kind: "work" | "verify";
  created: number;
  started: number;
  finished: number;
  events: { at: number; type: string; name: string; state: string | undefined }[];
}

export interface GateTime {
  gate: string;
  durationMs: number;
  at: number;
}

export interface Rollout {
  release: number | undefined;
  created: number;
  heldMs: number;
  /** State → when it was reached. */
  reached: Map<string, number>;
}

export interface Records {
  deliveries: Delivered[];
  runs: Run[];
  /** By git tree, the newest tree last. */
  evidence: GateTime[];
  rollouts: Rollout[];
}

/** Everything since `since`. */
export async function readRecords(machine: OneMachine, project: string, since: number): Promise<Records> {
  const { runDir } = JSON.parse(await readFile(join(machine.dataDir, "owner.json"), "utf8")) as { runDir: string };
  const dsn = `postgres://${ADMIN_ROLE}@/${BACKEND_DATABASE}?host=${encodeURIComponent(join(runDir, "store"))}&port=5432`;
  const moved = await readMoves(machine);
  return withConnection(dsn, async (client) => {
    const rows = async <Row>(text: string): Promise<Row[]> => (await client.query(text, [project, new Date(since)])).rows as Row[];
    const runs = await rows<{ id: string; kind: Run["kind"]; created_at: Date; started_at: Date | null; finished_at: Date | null }>(
      "select id, kind, created_at, started_at, finished_at from runs where project_id = $1 and created_at >= $2 order by created_at",
    );
    const events = await rows<{ run_id: string; at: Date; event: Record<string, string> }>(
      "select run_id, at, event from run_events where run_id in (select id from runs where project_id = $1) and at >= $2 order by id",
    );
    return {
      deliveries: (
        await rows<{ event: string; action: string | null; received_at: Date }>(
          "select event, action, received_at from deliveries where repository_id = (select repository_id from projects where id = $1) and received_at >= $2 order by received_at",
        )
      ).map((row) => ({ event: row.event, action: row.action, at: row.received_at.getTime() })),
      runs: runs.map((run) => ({
        kind: run.kind,
        created: run.created_at.getTime(),
        started: (run.started_at ?? run.created_at).getTime(),
        finished: (run.finished_at ?? new Date()).getTime(),
        events: events
          .filter((one) => one.run_id === run.id)
          .map(({ at, event }) => ({
            at: at.getTime(),
            type: event["type"] ?? "",
            name: event["phase"] ?? event["gate"] ?? event["id"] ?? event["tool"] ?? "",
            state: event["state"],
          })),
      })),
      evidence: (
        await rows<{ gate: string; created_at: Date; duration: number }>(
          "select gate, created_at, (evidence->>'durationMs')::float8 as duration from evidence where project_id = $1 and created_at >= $2 order by created_at",
        )
      ).map((row) => ({ gate: row.gate, durationMs: row.duration, at: row.created_at.getTime() })),
      rollouts: (
        await rows<{ id: string; created_at: Date; data: { heldMs?: number; release?: number } }>(
          "select id, created_at, data from rollouts where project_id = $1 and created_at >= $2 order by created_at",
        )
      ).map((row) => ({
        release: row.data.release,
        created: row.created_at.getTime(),
        heldMs: row.data.heldMs ?? 0,
        reached: moved.get(row.id) ?? new Map<string, number>(),
      })),
    };
  });
}

/** The control plane logs every state that a rollout reaches. */
async function readMoves(machine: OneMachine): Promise<Map<string, Map<string, number>>> {
  const moves = new Map<string, Map<string, number>>();
  for (const line of (await readFile(join(machine.dataDir, "logs/platform.log"), "utf8")).split("\n")) {
    if (!line.includes('"rollout moved"')) continue;
    const { rollout, from, to, time } = JSON.parse(line.slice(line.indexOf("{"))) as Record<"rollout" | "from" | "to", string> & {
      time: number;
    };
    const reached = moves.get(rollout) ?? new Map<string, number>();
    // The commit point is one transaction that is logged by what leaves it.
    if (from === "flipped") reached.set("flipped", reached.get("flipped") ?? time);
    reached.set(to, time);
    moves.set(rollout, reached);
  }
  return moves;
}
