/** Stops storms: bots that answer each other, and anyone who makes the platform talk without end. Pure; the store counts. */

/** What happened on one issue or pull request lately. */
export interface RecentCounts {
  /** Commands by bots in the last hour. */
  botCommands: number;
  /** Commands by this sender in the last ten minutes. */
  senderCommands: number;
  /** Refusals that this sender was answered with in the last hour. */
  senderRefusals: number;
  /** Commands by anyone in the last hour. */
  commands: number;
}

export const LIMITS = { botCommands: 5, senderCommands: 10, senderRefusals: 3, commands: 60 } as const;

export type LoopVerdict =
  | { kind: "go" }
  /** Refuse, and say so: the last answer before silence. */
  | { kind: "refuse"; limit: keyof RecentCounts }
  /** The limit was stated already: a further answer would feed the loop. */
  | { kind: "silent"; limit: keyof RecentCounts };

/** `counts` without the command in hand. Exactly at a limit it is stated; beyond it there is silence until the time has passed. */
export function breakLoop(counts: RecentCounts, isBot: boolean): LoopVerdict {
  const names: (keyof RecentCounts)[] = isBot
    ? ["botCommands", "senderRefusals", "commands"]
    : ["senderCommands", "senderRefusals", "commands"];
  const over = names.find((name) => counts[name] > LIMITS[name]);
  if (over !== undefined) return { kind: "silent", limit: over };
  const at = names.find((name) => counts[name] === LIMITS[name]);
  return at === undefined ? { kind: "go" } : { kind: "refuse", limit: at };
}
