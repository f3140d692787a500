/** What the proxy must know after a crash: the routes of its endpoints and the holds upon them, in one file that is replaced as a whole. */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AdorableError } from "../../core/errors.ts";
import type { EndpointName, HoldId, TimelineId } from "../../core/ids.ts";
import { writeDurably } from "../../process/durable-file.ts";
import type { Endpoint } from "../database.ts";

/** A hold as it is kept. `deadline`: when the budget of waiting clients ends, in ms since 1970. */
export interface HoldRow {
  id: HoldId;
  endpoint: EndpointName;
  deadline: number;
}

export interface ProxyState {
  endpoints: Endpoint[];
  holds: HoldRow[];
}

export interface StateFile {
  /** The last state that is on disk. */
  current(): ProxyState;
  /** Replaces the state by what `change` makes of it; returns once it is on disk. Changes run one after another; one that throws changes nothing. */
  update(change: (state: ProxyState) => ProxyState): Promise<void>;
}

const stateSchema = z.strictObject({
  version: z.literal(1),
  endpoints: z.array(z.strictObject({ name: z.string(), timeline: z.string(), epoch: z.number() })),
  holds: z.array(z.strictObject({ id: z.string(), endpoint: z.string(), deadline: z.number() })),
});

/** Opens `<dir>/proxy.json`; absent means no endpoints. Throws `proxy-state-unreadable` (operator): a damaged file is never taken for an empty one. */
export async function openStateFile(dir: string): Promise<StateFile> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // A write that a kill cut off has left its staging.
  for (const name of await readdir(dir))
    if (/^(proxy\.json|tls\.pem|certificate\.pem)\.[0-9a-f]+\.tmp$/.test(name)) await rm(join(dir, name), { force: true });
  const path = join(dir, "proxy.json");
  let state = await readState(path);
  let last: Promise<void> = Promise.resolve();
  return {
    current: () => state,
    update(change) {
      const mine = last.then(async () => {
        const next = change(state);
        if (next === state) return;
        await writeDurably(path, `${JSON.stringify({ version: 1, ...next })}\n`);
        state = next;
      });
      last = mine.catch(() => {});
      return mine;
    },
  };
}

async function readState(path: string): Promise<ProxyState> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { endpoints: [], holds: [] };
    throw unreadable(path, error);
  }
  try {
    const { endpoints, holds } = stateSchema.parse(JSON.parse(text));
    return {
      endpoints: endpoints.map((row) => ({ name: row.name as EndpointName, timeline: row.timeline as TimelineId, epoch: row.epoch })),
      holds: holds.map((row) => ({ id: row.id as HoldId, endpoint: row.endpoint as EndpointName, deadline: row.deadline })),
    };
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): AdorableError {
  return new AdorableError({
    code: "proxy-state-unreadable",
    remedy: "operator",
    message: `The proxy cannot read its state "${path}".`,
    hint: "Restore the file, or remove it and let the control plane set the endpoints again.",
    cause,
  });
}
