/** Whoever makes, restores or replaces the data of a change does so alone: a pass, and the calls of its run. One process does all of it. */

const turns = new Map<string, Promise<void>>();

/** Runs `work` once nobody else works on the data of that change. Not to be nested. */
export async function takeTurn<T>(change: string, work: () => Promise<T>): Promise<T> {
  const before = turns.get(change) ?? Promise.resolve();
  const result = before.then(work);
  const mine = result.then(
    () => {},
    () => {},
  );
  turns.set(change, mine);
  try {
    return await result;
  } finally {
    if (turns.get(change) === mine) turns.delete(change);
  }
}
