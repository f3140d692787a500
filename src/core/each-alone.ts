/** Turns over several things, of which none may stop the others. */

/** Gives every item its turn, one after another, and then throws the first failure: nobody waits for what only another one cannot do. */
export async function eachAlone<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) {
    try {
      await work(item);
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length > 0) throw failures[0];
}
