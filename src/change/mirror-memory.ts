/** Remembers what git said of objects: under a full id they never change, and every pass over a project asks the same of them. */
import type { Mirror } from "./mirror.ts";

const FULL_ID = /^[0-9a-f]{40}$/;
const MOST = 500;
const LARGEST = 500_000;

/** Of one repository; the oldest answers go first. */
export type Memory = Map<string, string>;

/** The mirror, with the answers about objects taken from `memory`. Names of branches and failures are asked of git each time. */
export function withMemory(mirror: Mirror, memory: Memory): Mirror {
  /** `ids`: how many of the arguments, from the first, have to be full ids. */
  const remember =
    <A extends unknown[], R>(name: string, ids: number, ask: (...args: A) => Promise<R>, isFinal: (answer: R) => boolean = () => true) =>
    async (...args: A): Promise<R> => {
      if (!args.slice(0, ids).every((id) => FULL_ID.test(String(id)))) return ask(...args);
      const key = JSON.stringify([name, ...args]);
      const known = memory.get(key);
      if (known !== undefined) return (JSON.parse(known) as { answer: R }).answer;
      const answer = await ask(...args);
      const text = JSON.stringify({ answer });
      if (isFinal(answer) && text.length <= LARGEST) {
        memory.set(key, text);
        const [oldest] = memory.keys();
        if (memory.size > MOST && oldest !== undefined) memory.delete(oldest);
      }
      return answer;
    };
  return {
    ...mirror,
    // What is not there yet may be fetched.
    has: remember("has", 1, mirror.has, (answer) => answer),
    treeOf: remember("treeOf", 1, mirror.treeOf),
    mergeTree: remember("mergeTree", 2, mirror.mergeTree),
    isAncestor: remember("isAncestor", 2, mirror.isAncestor, (answer) => answer),
    readFile: remember("readFile", 1, mirror.readFile),
    list: remember("list", 1, mirror.list),
    spec: remember("spec", 1, mirror.spec),
    migrations: remember("migrations", 1, mirror.migrations),
    releasedTree: remember("releasedTree", 1, mirror.releasedTree),
    async remove() {
      await mirror.remove();
      memory.clear();
    },
  };
}
