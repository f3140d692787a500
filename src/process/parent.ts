/** Ending with one's parent, also when it was killed. */
import { fstatSync } from "node:fs";

/** Calls `end` once standard input closes, where it is a pipe: a terminal or /dev/null says nothing of a parent. */
export function endWithParent(end: () => void): void {
  const stdin = fstatSync(0);
  if (stdin.isFIFO() || stdin.isSocket()) process.stdin.resume().on("end", end).on("error", end);
}
