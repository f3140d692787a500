/** One row from beginning to end: what it found, or why it failed; interrupted and overlong ones end between two steps and clean up behind themselves. */
import { setTimeout as delay } from "node:timers/promises";
import type { Reporter } from "../../src/demo/reporter.ts";
import type { Interruption } from "../../src/one-machine/interrupt.ts";
import type { Bench, Row } from "./bench.ts";
import type { RowResult } from "./figures.ts";

/** How long an interrupted row may take to come to its next step. */
const STOP_MS = 30_000;
const ROW_MS = 40 * 60_000;

/** Throws where the benchmark was interrupted; any other failure is the row's result, and the next one has its turn. */
export async function runRow(
  { name, title, measure }: Row,
  bench: Omit<Bench, "note">,
  reporter: Reporter,
  interruption: Interruption,
): Promise<RowResult> {
  const deadline = Date.now() + ROW_MS;
  try {
    const found = await reporter.step(title, async (note) => {
      const noteOrStop = (text: string): void => {
        if (interruption.isInterrupted()) throw new Error("Interrupted.");
        if (Date.now() > deadline) throw new Error(`The row took longer than ${ROW_MS / 60_000} minutes.`);
        note(text);
      };
      const measured = measure({ ...bench, note: noteOrStop });
      const stopped = interruption.interrupted.then(async () => {
        await Promise.race([measured.catch(() => {}), delay(STOP_MS, undefined, { ref: false })]);
        throw new Error("Interrupted.");
      });
      const value = await Promise.race([measured, stopped]);
      return { detail: value.skipped.map((why) => `skipped: ${why}`).join("\n"), value };
    });
    return { row: name, title, ...found, failure: null };
  } catch (error) {
    if (interruption.isInterrupted()) throw error;
    return { row: name, title, figures: [], skipped: [], failure: error instanceof Error ? error.message : String(error) };
  }
}
