/**
 * The gateway over HTTP: one listener, a host per app, sleeping environments woken by the first request.
 *
 * | a request is | invariant                                             | exits                                                      |
 * |--------------|-------------------------------------------------------|------------------------------------------------------------|
 * | waiting      | its place is held; nothing of it has reached an app   | waking (resumed), answered 503 (budget over), gone         |
 * | waking       | its environment is in use, so that it is not frozen   | forwarded, answered 502 (the app cannot be started)        |
 * | forwarded    | bytes flow; a hold of its place drains it             | ended, broken (the client sees a broken answer, never half) |
 *
 * A WebSocket is forwarded for as long as both sides want, is not waited for by a hold, and is closed when its host moves to another environment.
 */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { AdorableError } from "../../core/errors.ts";
import type { EnvironmentId } from "../../core/ids.ts";
import type { Observed, Runtime } from "../runtime.ts";
import { ACCESS_PATH, openAccess } from "./access.ts";
import { createActivity } from "./activity.ts";
import { forwardRequest, forwardUpgrade, type Address } from "./forward.ts";
import type { Gateway, Route, RouteSet } from "./gateway.ts";
import { answer, appDown, heldTooLong, NEEDS_ACCESS, rawAnswer, UNKNOWN_HOST, type Answer } from "./pages.ts";
import { openRouteTable, type FoundRoute } from "./route-table.ts";

export interface GatewayOptions {
  /** For its routes and holds; nobody else writes there. */
  dir: string;
  /** 0: any free one. */
  port: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Every route's host must lie below it. */
  domain: string;
  runtime: Pick<Runtime, "freeze"> & { wake(id: EnvironmentId): Promise<Observed> };
  /** An environment without a request for so long is frozen. Default 300,000. */
  idleMs?: number;
  /** Asked before an environment is frozen: false (say, a session in a transaction) keeps it awake for another `idleMs`. */
  mayFreeze?: (id: EnvironmentId) => Promise<boolean>;
  /** Hears of failures that no client can be told about. Default: a process warning. */
  onError?: (error: unknown) => void;
}

export interface HttpGateway extends Gateway {
  readonly port: number;
  /** Ends every connection. */
  close(): Promise<void>;
}

/** After a start that failed, requests are answered with that failure for so long before it is tried again. */
const FAILURE_KEPT_MS = 3000;
const MAX_WAITING = 2000;

/** Serves the routes and holds that `dir` knows from the moment it returns. Throws `gateway-state-unreadable` and `port-taken` (operator). */
export async function createGateway(options: GatewayOptions): Promise<HttpGateway> {
  const table = await openRouteTable(options.dir);
  const access = await openAccess(options.dir);
  const onError = options.onError ?? ((error: unknown) => process.emitWarning(error instanceof Error ? error : String(error)));
  const activity = createActivity({ idleMs: options.idleMs ?? 300_000, onIdle: (environment) => void freezeIdle(environment) });
  const waiting = new Set<{ place: string; retry: () => void }>();
  const waking = new Map<string, Promise<Observed>>();
  const failures = new Map<string, { until: number; error: unknown }>();
  const upgraded = new Map<Duplex, { host: string; environment: string }>();
  const kept = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  let closed = false;

  async function freezeIdle(environment: string): Promise<void> {
    const id = environment as EnvironmentId;
    try {
      const may = (await options.mayFreeze?.(id)) ?? true;
      if (activity.inUse(environment) || closed) return;
      if (may) await options.runtime.freeze(id);
      else activity.watch(environment);
    } catch (error) {
      if (!(AdorableError.isInstance(error) && error.code === "environment-unknown")) onError(error);
    }
  }

  /** Returns once no hold keeps the place, or the answer that the client gets instead. */
  async function untilResumed(place: string, gone: AbortSignal): Promise<Answer | undefined> {
    for (;;) {
      const holds = table.holdsOf(place);
      if (holds.length === 0) return undefined;
      const left = Math.min(...holds.map(({ deadline }) => deadline)) - Date.now();
      if (left <= 0 || closed || gone.aborted || waiting.size >= MAX_WAITING) return heldTooLong(5);
      await new Promise<void>((resolve) => {
        const waiter = {
          place,
          retry: () => {
            clearTimeout(timer);
            waiting.delete(waiter);
            gone.removeEventListener("abort", waiter.retry);
            resolve();
          },
        };
        const timer = setTimeout(waiter.retry, left);
        gone.addEventListener("abort", waiter.retry);
        waiting.add(waiter);
      });
    }
  }

  function letOn(place: string): void {
    for (const waiter of waiting) if (waiter.place === place) waiter.retry();
  }

  /** One start for all who ask while it is under way. */
  async function wake(environment: string): Promise<Observed> {
    const failed = failures.get(environment);
    if (failed !== undefined && failed.until > Date.now()) throw failed.error;
    failures.delete(environment);
    let started = waking.get(environment);
    if (started === undefined) {
      started = options.runtime.wake(environment as EnvironmentId);
      waking.set(environment, started);
      started
        .catch((error: unknown) => failures.set(environment, { until: Date.now() + FAILURE_KEPT_MS, error }))
        .finally(() => waking.delete(environment));
    }
    return await started;
  }

  async function addressOf(route: Route): Promise<Address | Answer> {
    try {
      const observed = await wake(route.environment);
      return observed.apps.find(({ slug }) => slug === route.app)?.address ?? appDown("app-not-running");
    } catch (error) {
      if (!AdorableError.isInstance(error)) onError(error);
      return appDown(AdorableError.isInstance(error) ? error.code : "unexpected");
    }
  }

  /** The way of every request and upgrade up to the app. `pass` gets the address; `refuse` what stands against it. */
  async function admit(
    request: IncomingMessage,
    gone: AbortSignal,
    refuse: (what: Answer) => void,
    pass: (found: FoundRoute, to: Address) => Promise<void>,
    draining: boolean,
  ): Promise<void> {
    const host = hostOf(request);
    const first = table.find(host);
    if (first === undefined) return refuse(UNKNOWN_HOST);
    const { place } = first.set;
    if (request.url?.startsWith(`${ACCESS_PATH}?`) === true) return refuse(openSession(request.url, place, host));
    if (first.set.restricted === true && !access.allows(request.headers.cookie, place, host)) return refuse(NEEDS_ACCESS);
    // Asked again after the wait, so that nothing comes between the last look and `begin`: a later hold sees the request.
    while (table.holdsOf(place).length > 0) {
      const held = await untilResumed(place, gone);
      if (held !== undefined) return refuse(held);
    }
    const found = table.find(host);
    if (found === undefined) return refuse(UNKNOWN_HOST);
    const endRequest = activity.begin(found.set.place, draining);
    const endUse = activity.use(found.route.environment);
    try {
      const to = await addressOf(found.route);
      if (gone.aborted) return;
      if ("status" in to) refuse(to);
      else await pass(found, to);
    } finally {
      endRequest();
      endUse();
    }
  }

  function openSession(url: string, place: string, host: string): Answer {
    const token = new URL(url, "http://gateway").searchParams.get("token") ?? "";
    const cookie = access.redeem(token, place, host);
    if (cookie === undefined) return NEEDS_ACCESS;
    const headers = { location: "/", "set-cookie": cookie, "referrer-policy": "no-referrer" };
    return { status: 303, code: "access-granted", title: "Welcome", text: "You are being taken to the preview.", headers };
  }

  async function onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    await admit(
      request,
      gone.signal,
      (what) => answer(request, response, what),
      async (_, to) => await forwardRequest(request, response, to, kept, () => answer(request, response, appDown("app-closed-connection"))),
      true,
    );
  }

  async function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new AbortController();
    socket.on("error", () => undefined);
    socket.once("close", () => gone.abort());
    const refuse = (what: Answer): void => {
      socket.end(rawAnswer(what));
    };
    await admit(
      request,
      gone.signal,
      refuse,
      async ({ route }, to) => {
        upgraded.set(socket, { host: route.host, environment: route.environment });
        await new Promise<void>((resolve) => {
          forwardUpgrade(request, socket, head, to, resolve).catch(() => refuse(appDown("app-closed-connection")));
        });
        upgraded.delete(socket);
      },
      false,
    );
  }

  const server = createServer((request, response) => {
    onRequest(request, response).catch((error: unknown) => {
      onError(error);
      response.destroy();
    });
  });
  server.on("upgrade", (request, socket, head) => {
    onUpgrade(request, socket, head).catch((error: unknown) => {
      onError(error);
      socket.destroy();
    });
  });
  // A slow upload is the app's business, not ours.
  server.requestTimeout = 0;
  await listen(server, options.port, options.host ?? "127.0.0.1");

  return {
    port: (server.address() as AddressInfo).port,
    async setRoutes(set) {
      const outside = set.routes.find(({ host }) => !host.toLowerCase().endsWith(`.${options.domain.toLowerCase()}`));
      if (outside !== undefined) {
        throw new AdorableError({
          code: "host-outside-domain",
          remedy: "bug",
          message: `The host "${outside.host}" does not lie below "${options.domain}".`,
        });
      }
      const former = await table.replace(set);
      const kept = new Set(set.routes.map(({ environment }) => environment as string));
      for (const { environment } of former?.routes ?? []) if (!kept.has(environment)) activity.forget(environment);
      for (const environment of kept) activity.watch(environment);
      for (const [socket, use] of upgraded) if (table.find(use.host)?.route.environment !== use.environment) socket.destroy();
    },
    async removeRoutes(place) {
      const former = table.set(place);
      await table.remove(place);
      for (const { environment } of former?.routes ?? []) activity.forget(environment);
      for (const [socket, use] of upgraded) if (table.find(use.host) === undefined) socket.destroy();
      letOn(place);
    },
    listRoutes: () => Promise.resolve(table.sets().map((set): RouteSet => structuredClone(set))),
    async hold(place, id, { budgetMs, drainMs }) {
      if (table.hold(id) === undefined) await table.addHold({ id, place, deadline: Date.now() + budgetMs });
      await activity.drained(place, drainMs);
    },
    async resume(id) {
      const hold = table.hold(id);
      if (hold === undefined) return;
      await table.removeHold(id);
      letOn(hold.place);
    },
    mintAccess(place) {
      if (table.set(place) === undefined) {
        return Promise.reject(
          new AdorableError({ code: "place-unknown", remedy: "bug", message: `The gateway has no routes of "${place}".` }),
        );
      }
      return Promise.resolve(`${ACCESS_PATH}?token=${access.mint(place)}`);
    },
    async close() {
      closed = true;
      activity.close();
      for (const waiter of waiting) waiter.retry();
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of upgraded.keys()) socket.destroy();
      server.closeAllConnections();
      kept.destroy();
      await ended;
    },
  };
}

/** The host that the request names, without port and final dot. */
function hostOf(request: IncomingMessage): string {
  return (request.headers.host ?? "").replace(/:\d+$/, "").replace(/\.$/, "").toLowerCase();
}

async function listen(server: ReturnType<typeof createServer>, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EADDRINUSE") return reject(cause);
      const message = `The gateway's port "${port}" on "${host}" is taken.`;
      reject(
        new AdorableError({
          code: "port-taken",
          remedy: "operator",
          message,
          hint: "End what listens there, or choose another port.",
          cause,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}
