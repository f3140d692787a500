/** A client that keeps writing posts to production through the app's API, and remembers which were acknowledged and when. */
import { setTimeout as delay } from "node:timers/promises";
import { fetchApp } from "./http.ts";

export interface Acknowledged {
  title: string;
  /** Milliseconds since the epoch, when it was sent and when the answer came. */
  sentAt: number;
  at: number;
}

export interface Writer {
  readonly acknowledged: readonly Acknowledged[];
  /** Answers other than 200, with what they said. */
  readonly refused: readonly string[];
  /** The longest time that one write took, in milliseconds, since it was asked last. */
  takeLongestMs(): number;
  /** Ends after the write under way. */
  stop(): Promise<void>;
}

/** Writes one post after the other to the app at `url`. */
export function startWriter(url: string): Writer {
  const acknowledged: Acknowledged[] = [];
  const refused: string[] = [];
  let isStopped = false;
  let longest = 0;
  const loop = (async () => {
    for (let n = 1; !isStopped; n += 1) {
      const title = `Note ${n} of the writer`;
      const sentAt = Date.now();
      try {
        const answer = await fetchApp(`${url}/api/trpc/posts.create`, { json: { title, body: `Written as number ${n}.` } });
        if (answer.status === 200) acknowledged.push({ title, sentAt, at: Date.now() });
        else refused.push(`${answer.status} ${answer.body.slice(0, 300)}`);
      } catch (error) {
        refused.push(error instanceof Error ? error.message : String(error));
      }
      longest = Math.max(longest, Date.now() - sentAt);
      await delay(25);
    }
  })();
  return {
    acknowledged,
    refused,
    takeLongestMs() {
      const value = longest;
      longest = 0;
      return value;
    },
    async stop() {
      isStopped = true;
      await loop;
    },
  };
}
