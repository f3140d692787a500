/** One endpoint as its sessions see it: the gate before it, the timeline behind it, and the waiting for transaction boundaries. */
import type { HoldId, TimelineId } from "../../core/ids.ts";
import { BACKEND_DATABASE } from "../computes.ts";
import type { Endpoint } from "../database.ts";
import type { Backend } from "./backend.ts";
import type { Backends, Log } from "./backends.ts";
import { Gate, overBudget } from "./gate.ts";
import { ClientRefusal } from "./handshake.ts";
import type { Session, SessionHost } from "./session.ts";

/** How many clients of one endpoint wait at its gate and for its compute. */
const MAX_WAITING = 1000;

export class EndpointHost implements SessionHost {
  readonly gate = new Gate(() => this.#gateChanged());
  readonly sessions = new Set<Session>();
  #endpoint: Endpoint;
  #backends: Backends;
  #log: Log;
  #watchers = new Set<() => void>();
  #removed = false;
  #waiting = 0;

  constructor(endpoint: Endpoint, backends: Backends, log: Log) {
    this.#endpoint = endpoint;
    this.#backends = backends;
    this.#log = log;
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** Changes the route. Only inside `gate.move`, with no session left on the old timeline, or where the timeline stays. */
  route(endpoint: Endpoint): void {
    this.#endpoint = endpoint;
  }

  async connect(session: Session): Promise<{ backend: Backend; timeline: TimelineId }> {
    if (this.#waiting >= MAX_WAITING) throw new ClientRefusal("53300", "too many clients wait for this database", "Connect again later.");
    this.#waiting++;
    try {
      return await this.#connect(session);
    } finally {
      this.#waiting--;
    }
  }

  async #connect(session: Session): Promise<{ backend: Backend; timeline: TimelineId }> {
    await this.gate.pass(session.hold);
    if (this.#removed) throw this.#gone();
    if (session.state === "closed") throw new ClientRefusal("57P01", "the client hung up");
    const { timeline } = this.#endpoint;
    const parameters = new Map(session.parameters).set("database", BACKEND_DATABASE);
    return { backend: await this.#backends.open(timeline, parameters), timeline };
  }

  isOpen(session: Session): boolean {
    return !this.#removed && this.gate.isOpen(session.hold);
  }

  isCurrent(timeline: TimelineId): boolean {
    return this.#endpoint.timeline === timeline;
  }

  settled(session: Session): void {
    if (session.isParked && !this.isOpen(session) && this.gate.isOverBudget) this.#refuse(session);
    this.#notify();
  }

  leave(timeline: TimelineId, backend: Backend): Promise<void> {
    return this.#backends.leave(timeline, backend);
  }

  ended(session: Session): void {
    this.sessions.delete(session);
    this.#backends.touch(this.#endpoint.timeline);
    this.#notify();
  }

  unexpected(error: unknown): void {
    this.#log("session-failed", {
      endpoint: this.#endpoint.name,
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }

  /** Waits until the sessions (those of `except` aside) are at a transaction boundary; returns those that are not after `timeoutMs`. */
  async settle(timeoutMs: number, except?: HoldId): Promise<Session[]> {
    const busy = (): Session[] =>
      [...this.sessions].filter((session) => !session.atBoundary && (except === undefined || session.hold !== except));
    if (busy().length === 0) return [];
    let watcher: () => void = () => {};
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      watcher = () => {
        if (busy().length === 0) resolve();
      };
      this.#watchers.add(watcher);
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.#watchers.delete(watcher);
    return busy();
  }

  /** Ends every session, and refuses those who wait. */
  remove(): void {
    this.#removed = true;
    this.gate.dispose(this.#gone());
    for (const session of [...this.sessions]) session.fail("57P01", "terminating connection: the database was removed");
  }

  #gone(): ClientRefusal {
    return new ClientRefusal("3D000", `database "${this.#endpoint.name}" does not exist`);
  }

  #gateChanged(): void {
    const late = this.gate.isOverBudget;
    for (const session of [...this.sessions]) {
      if (this.isOpen(session)) session.kick();
      else if (late && session.isParked && session.state === "attached") this.#refuse(session);
    }
  }

  #refuse(session: Session): void {
    const refusal = overBudget();
    session.fail(refusal.code, refusal.message, "Connect again in a moment.");
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
