/** The gateway port: which environment answers at which host, and holds for HTTP. Called by the control plane; lives in the edge. */
import type { EnvironmentId, HoldId } from "../../core/ids.ts";

export interface Route {
  /** `<label>.<domain>` without the port. */
  host: string;
  environment: EnvironmentId;
  app: string;
}

/** The routes of one place (`proj_x`, `proj_x_pr_3`: its endpoint name), replaced as one. */
export interface RouteSet {
  place: string;
  epoch: number;
  routes: Route[];
  /**
   * Set where the place shows production data: requests need a session that the control plane opened (one-time link), else 401.
   */
  restricted?: boolean;
}

export interface Gateway {
  /** Atomic and durable. A lower epoch than the present one throws `stale-epoch` (bug). Idempotent. */
  setRoutes(set: RouteSet): Promise<void>;
  removeRoutes(place: string): Promise<void>;
  listRoutes(): Promise<RouteSet[]>;
  /**
   * New requests to the place wait; returns when those under way have ended or `drainMs` is over (they are then left to end by themselves).
   * Waiting requests get 503 after `budgetMs`. Durable; idempotent by id.
   */
  hold(place: string, id: HoldId, options: { budgetMs: number; drainMs: number }): Promise<void>;
  /** Lets waiting requests on, to the present routes. Idempotent; an unknown id is a no-op. */
  resume(id: HoldId): Promise<void>;
  /**
   * A path with a one-time token, to append to the origin of any host of the place: whoever opens it within ten minutes gets a session for
   * that host. A token does not outlive a restart of the gateway, a session does. Throws `place-unknown` (bug).
   */
  mintAccess(place: string): Promise<string>;
}
