/** Throwaway forks that are worked with outside of a project's pass, for an operator who waits: no sweep takes them while this process lives. */
import { newId, type ProjectId } from "../core/ids.ts";
import type { Checkpoint } from "../database/database.ts";
import { openFork, removeFork, type Fork } from "./forks.ts";
import type { Platform } from "./platform.ts";

/** Keys in use. A killed process takes its list along, so that the next one's sweep finds what it left. */
const inUse = new Set<string>();

/** Whether the fork of this key has somebody who removes it. */
export function isForkInUse(key: string): boolean {
  return inUse.has(key);
}

export interface OwnFork extends Fork, AsyncDisposable {
  key: string;
}

/** A fork (of an empty database where `from` is null) that goes when it is disposed of; `purpose` stands in its name. */
export async function openOwnFork(
  platform: Platform,
  project: ProjectId,
  purpose: "look" | "prove",
  from: Checkpoint | null,
): Promise<OwnFork> {
  const key = newId<string>(purpose);
  // Before its rows are written: a pass may look at any moment.
  inUse.add(key);
  const dispose = async (): Promise<void> => {
    try {
      await removeFork(platform, project, key);
    } finally {
      // What could not be removed is the sweep's.
      inUse.delete(key);
    }
  };
  try {
    const fork = await openFork(platform, project, key, from);
    return { ...fork, key, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
