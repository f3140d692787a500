/** What the gateway must know after a crash: its routes and holds, in one file that is replaced as a whole. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AdorableError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/plan.ts";
import { writeDurably } from "../../process/durable-file.ts";
import type { Route, RouteSet } from "./gateway.ts";

export interface StoredHold {
  id: string;
  place: string;
  /** When waiting requests are answered with 503, in ms since 1970. */
  deadline: number;
}

const stateSchema = z.strictObject({
  version: z.literal(1),
  sets: z.array(
    z.strictObject({
      place: z.string(),
      epoch: z.number(),
      routes: z.array(z.strictObject({ host: z.string(), environment: z.string(), app: z.string() })),
      restricted: z.boolean().optional(),
    }),
  ),
  holds: z.array(z.strictObject({ id: z.string(), place: z.string(), deadline: z.number() })),
});

export interface FoundRoute {
  set: RouteSet;
  route: Route;
}

export interface RouteTable {
  find(host: string): FoundRoute | undefined;
  set(place: string): RouteSet | undefined;
  sets(): RouteSet[];
  holdsOf(place: string): StoredHold[];
  hold(id: string): StoredHold | undefined;
  /** Throws `stale-epoch` (bug), `host-taken` (bug) when another place has one of its hosts. Returns the former set. */
  replace(set: RouteSet): Promise<RouteSet | undefined>;
  remove(place: string): Promise<void>;
  addHold(hold: StoredHold): Promise<void>;
  removeHold(id: string): Promise<void>;
}

/** Opens `<dir>/gateway.json`; absent means no routes. Throws `gateway-state-unreadable` (operator): a damaged file is never taken for an empty one. */
export async function openRouteTable(dir: string): Promise<RouteTable> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, "gateway.json");
  let sets = new Map<string, RouteSet>();
  let holds = new Map<string, StoredHold>();
  let hosts = new Map<string, FoundRoute>();
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  });
  if (text !== undefined) adopt(parse(path, text));
  let last: Promise<unknown> = Promise.resolve();

  interface State {
    sets: RouteSet[];
    holds: StoredHold[];
  }

  function adopt(state: State): void {
    sets = new Map(state.sets.map((set) => [set.place, set]));
    holds = new Map(state.holds.map((hold) => [hold.id, hold]));
    hosts = new Map(
      state.sets.flatMap((set) => set.routes.map((route): [string, FoundRoute] => [route.host.toLowerCase(), { set, route }])),
    );
  }

  async function update(change: (state: State) => State): Promise<void> {
    const step = async (): Promise<void> => {
      const before: State = { sets: [...sets.values()], holds: [...holds.values()] };
      const after = change(before);
      if (canonicalJson(after) === canonicalJson(before)) return;
      await writeDurably(path, JSON.stringify({ version: 1, ...after }));
      adopt(after);
    };
    const turn = last.then(step, step);
    last = turn.catch(() => undefined);
    await turn;
  }

  return {
    find: (host) => hosts.get(host.toLowerCase()),
    set: (place) => sets.get(place),
    sets: () => [...sets.values()],
    holdsOf: (place) => [...holds.values()].filter((hold) => hold.place === place),
    hold: (id) => holds.get(id),
    async replace(set) {
      let former: RouteSet | undefined;
      await update((state) => {
        former = state.sets.find(({ place }) => place === set.place);
        if (former !== undefined && set.epoch < former.epoch) {
          throw new AdorableError({
            code: "stale-epoch",
            remedy: "bug",
            message: `The routes of "${set.place}" are at epoch ${former.epoch}; epoch ${set.epoch} is refused.`,
          });
        }
        const others = state.sets.filter(({ place }) => place !== set.place);
        const taken = new Set(others.flatMap(({ routes }) => routes.map(({ host }) => host.toLowerCase())));
        const clash = set.routes.find(({ host }) => taken.has(host.toLowerCase()));
        if (clash !== undefined) {
          throw new AdorableError({
            code: "host-taken",
            remedy: "bug",
            message: `The host "${clash.host}" belongs to another place than "${set.place}".`,
          });
        }
        return { ...state, sets: [...others, set] };
      });
      return former;
    },
    remove: async (place) => await update((state) => ({ ...state, sets: state.sets.filter((set) => set.place !== place) })),
    addHold: async (hold) => await update((state) => ({ ...state, holds: [...state.holds.filter(({ id }) => id !== hold.id), hold] })),
    removeHold: async (id) => await update((state) => ({ ...state, holds: state.holds.filter((hold) => hold.id !== id) })),
  };
}

function parse(path: string, text: string): { sets: RouteSet[]; holds: StoredHold[] } {
  try {
    const { sets, holds } = stateSchema.parse(JSON.parse(text));
    return { sets: sets as RouteSet[], holds };
  } catch (cause) {
    throw new AdorableError({
      code: "gateway-state-unreadable",
      remedy: "operator",
      message: `The gateway's routes in "${path}" cannot be read.`,
      hint: "Restore the file from a backup, or remove it: the control plane sets every route again.",
      cause,
    });
  }
}
