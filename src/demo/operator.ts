/** What the operator of this machine can ask: the control plane's own view, and the database and runtime behind the edge. */
import { newId, type EndpointName, type TimelineId } from "../core/ids.ts";
import { ADMIN_ROLE, type Checkpoint, type Database } from "../database/database.ts";
import { withConnection } from "../database/migrations/connection.ts";
import type { Gateway } from "../runtime/gateway/gateway.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { RolloutRow } from "../store/releases.ts";
import type { ChangeRow, ProjectRow, ReleaseRow } from "../store/rows.ts";
import type { RolloutData } from "../release/rollout.ts";

export interface ProjectView {
  project: ProjectRow;
  /** As JSON carries them: dates are text. */
  releases: ReleaseRow[];
  ledgerBroken: number | null;
  rollouts: RolloutRow<RolloutData>[];
  resources: { kind: string; id: string }[];
  changes: ChangeRow[];
}

export interface Operator {
  project(repository: string): Promise<ProjectView | undefined>;
  deleteProject(repository: string): Promise<void>;
  tombstones(): Promise<{ project_id: string; full_name: string; last_hash: string | null }[]>;
  /** Rows of a query as the administrator. */
  query<Row>(endpoint: EndpointName, sql: string): Promise<Row[]>;
  /** As above, on a throwaway fork of that moment. */
  queryAt<Row>(checkpoint: Checkpoint, sql: string): Promise<Row[]>;
  readonly database: Database;
  readonly runtime: Runtime;
  readonly gateway: Gateway;
}

export function createOperator(
  controlPlaneUrl: string,
  token: string,
  edge: { database: Database; runtime: Runtime; gateway: Gateway },
): Operator {
  const call = async (method: string, path: string): Promise<Response> =>
    fetch(`${controlPlaneUrl}/operator/v1${path}`, { method, headers: { authorization: `Bearer ${token}` } });
  const operator: Operator = {
    ...edge,
    async project(repository) {
      const response = await call("GET", `/projects/${repository}`);
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`the control plane answered ${response.status} to the operator`);
      return (await response.json()) as ProjectView;
    },
    async deleteProject(repository) {
      const response = await call("DELETE", `/projects/${repository}`);
      if (!response.ok) throw new Error(`the project "${repository}" was not deleted: ${response.status} ${await response.text()}`);
    },
    async tombstones() {
      return (await (await call("GET", "/tombstones")).json()) as Awaited<ReturnType<Operator["tombstones"]>>;
    },
    async query<Row>(endpoint: EndpointName, sql: string) {
      const { dsn } = await edge.database.credential(endpoint, ADMIN_ROLE);
      return withConnection(dsn, async (client) => (await client.query(sql)).rows as Row[]);
    },
    async queryAt<Row>(checkpoint: Checkpoint, sql: string) {
      const timeline = newId<TimelineId>("peek");
      const endpoint = `tmp_${timeline}` as EndpointName;
      await edge.database.branch(timeline, checkpoint);
      try {
        await edge.database.endpoint(endpoint, timeline, 1);
        return await operator.query<Row>(endpoint, sql);
      } finally {
        await edge.database.removeEndpoint(endpoint);
        await edge.database.deleteTimeline(timeline);
      }
    },
  };
  return operator;
}
