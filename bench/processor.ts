/** The processor time that processes and the children that they have waited for took so far. */
import { readFile } from "node:fs/promises";

/** Of Linux, on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Milliseconds, without PostgreSQL's own processes that still run; jobs count when they have ended. */
export async function processorMs(processes: readonly { pid: number }[]): Promise<number> {
  const each = await Promise.all(
    processes.map(async ({ pid }) => {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      // Behind the name, which may hold anything: utime, stime, cutime, cstime are the 14th to the 17th field.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
    }),
  );
  return (each.reduce((sum, ticks) => sum + ticks, 0) * 1000) / TICKS_PER_SECOND;
}
