/** A process that performs one act on a place and is killed at one of its operations; prints what a client of it would have seen by then. */
import { answer, arm, type Grain } from "./operations.ts";
import { ACTS, engineOlder, startWriters, type Known } from "./acts.ts";
import { openPlace } from "./place.ts";

const [name, dir, killAt, grain, text] = process.argv.slice(2) as [string, string, string, Grain, string];
const act = ACTS[name];
if (!act) throw new Error(`There is no act "${name}".`);
const known = JSON.parse(text) as Known;
engineOlder.lsn = known.older;
const say = (what: string, value: unknown) => process.stdout.write(`${what} ${JSON.stringify(value)}\n`);
// A stream to a pipe is written at once; the acknowledgement must not outlive its process's death unsaid.
if (act.fresh) arm(Number(killAt), grain, dir);
const place = await openPlace(dir, act.options);
await act.before?.(place);
const writers = act.busy ? await startWriters(place, ({ acknowledged }) => say("acknowledged", acknowledged)) : undefined;
if (writers) while (Math.min(...writers.acknowledged) < 20) await new Promise((resolve) => setTimeout(resolve, 2));
if (!act.fresh) arm(Number(killAt), grain, dir);
await act.run(place, known, (mark) => say("mark", mark), writers);
const passed = answer();
await writers?.stop();
await place.close();
say("done", passed);
