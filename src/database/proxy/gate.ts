/** The gate of one endpoint: shut by holds and by moves to another timeline; clients wait before it, for as long as the holds' budgets allow. */
import type { HoldId } from "../../core/ids.ts";
import { ClientRefusal } from "./handshake.ts";

/** The longest delay that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Waiter {
  hold: HoldId | undefined;
  resolve(): void;
  reject(error: Error): void;
}

export class Gate {
  #holds = new Map<HoldId, { deadline: number; timer: NodeJS.Timeout }>();
  #moves = 0;
  #waiters = new Set<Waiter>();
  #changed: () => void;

  /** `changed` is called when the gate opened, or a budget has ended. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** May a client (with the credential of `hold`, if it has one) go through? */
  isOpen(hold: HoldId | undefined): boolean {
    if (this.#moves > 0) return false;
    return this.#holds.size === 0 || (hold !== undefined && this.#holds.has(hold));
  }

  /** True where clients have waited for longer than a hold allows: they are refused. */
  get isOverBudget(): boolean {
    const now = Date.now();
    return [...this.#holds.values()].some((hold) => hold.deadline <= now);
  }

  /** Resolves when the client may go on. Throws `ClientRefusal` 57P03 past the budget. */
  async pass(hold: HoldId | undefined): Promise<void> {
    if (this.isOpen(hold)) return;
    if (this.isOverBudget) throw overBudget();
    await new Promise<void>((resolve, reject) => this.#waiters.add({ hold, resolve, reject }));
  }

  /** Shuts the gate until `unhold`. `deadline` is in ms since 1970. Idempotent by id: the first deadline stays. */
  hold(id: HoldId, deadline: number): void {
    if (this.#holds.has(id)) return;
    const timer = setTimeout(() => this.#update(), Math.min(Math.max(deadline - Date.now(), 0) + 1, MAX_TIMER_MS));
    this.#holds.set(id, { deadline, timer });
  }

  unhold(id: HoldId): void {
    clearTimeout(this.#holds.get(id)?.timer);
    if (this.#holds.delete(id)) this.#update();
  }

  /** Shuts the gate to everyone while `work` runs. */
  async move<T>(work: () => Promise<T>): Promise<T> {
    this.#moves++;
    try {
      return await work();
    } finally {
      this.#moves--;
      this.#update();
    }
  }

  /** Ends the timers and refuses all who wait: the endpoint or the proxy is going away. */
  dispose(reason?: ClientRefusal): void {
    for (const hold of this.#holds.values()) clearTimeout(hold.timer);
    this.#holds.clear();
    for (const waiter of this.#waiters)
      waiter.reject(reason ?? new ClientRefusal("57P01", "terminating connection due to administrator command"));
    this.#waiters.clear();
  }

  #update(): void {
    const late = this.isOverBudget;
    for (const waiter of this.#waiters) {
      if (this.isOpen(waiter.hold)) waiter.resolve();
      else if (late) waiter.reject(overBudget());
      else continue;
      this.#waiters.delete(waiter);
    }
    this.#changed();
  }
}

/** What a client hears that waited for too long. */
export function overBudget(): ClientRefusal {
  return new ClientRefusal("57P03", "the database is being changed and takes no sessions now");
}
