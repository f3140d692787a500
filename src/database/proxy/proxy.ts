/**
 * The PostgreSQL proxy: one listener for every endpoint, routed by database name.
 *
 * Clients authenticate here (SCRAM-SHA-256); computes are woken for them, and stopped when every session has been quiet for `idleMs`.
 * TLS is there for whoever asks; clients on other machines get in with nothing less.
 */
import { randomInt, randomBytes, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { AdorableError } from "../../core/errors.ts";
import type { EndpointName, HoldId, TimelineId } from "../../core/ids.ts";
import type { Endpoints } from "../compose.ts";
import type { Computes } from "../computes.ts";
import { ADMIN_ROLE, type Credential, type Endpoint } from "../database.ts";
import { type Backends, createBackends, type Log } from "./backends.ts";
import { createCredentials } from "./credentials.ts";
import { openStateFile, type StateFile } from "./durable-state.ts";
import { type CertificateFiles, openEncryption } from "./encryption.ts";
import { EndpointHost } from "./endpoint-host.ts";
import { farewell, LINGER_MS } from "./farewell.ts";
import { type Greeting, greet } from "./handshake.ts";
import { type HoldControl, createHoldControl } from "./holds.ts";
import { dsnHost, isLoopback, listen } from "./listener.ts";
import { type BackendKey, fatal } from "./messages.ts";
import { Session } from "./session.ts";
import { startSleeper } from "./sleeper.ts";
import { watchTransactions } from "./transaction-watch.ts";
import { within } from "./within.ts";

export type { Log } from "./backends.ts";

export interface ProxyOptions {
  /** Holds `proxy.json` (endpoints and holds), and a certificate of the proxy's own where none is given. */
  dir: string;
  computes: Computes;
  /** Default `127.0.0.1`. Another is listened to beside it, and needs TLS. */
  host?: string;
  /** Default: a self-signed one, made once. */
  certificate?: CertificateFiles | undefined;
  /** 0 takes a free one. */
  port: number;
  /** 64 hex digits, from which every password is derived. */
  masterKey: string;
  /** How long every session must have been quiet before a compute is stopped. Default 60,000. */
  idleMs?: number;
  /** How long a client may take to say who it is. Default 10,000. */
  startupMs?: number;
  /** How long a client waits for a compute. Default 10,000. */
  wakeMs?: number;
  /** How long a transaction may go on when its endpoint moves to another timeline. Default 5,000. */
  moveDrainMs?: number;
  /** How long a transaction of any role but the administrator's may go on. Default 300,000. */
  maxTransactionMs?: number;
  /** Default 2,000. */
  maxClients?: number;
  /** How many of other machines' clients may be about to say who they are; more are turned away, so that silent strangers take no place from apps. Default 100. */
  maxStrangers?: number;
  log?: Log;
}

export interface Proxy extends Endpoints {
  host: string;
  port: number;
  /** True while a session of the endpoint has a transaction open or awaits an answer. */
  isBusy(name: EndpointName): boolean;
  /** Ends every session (57P01) and the listener, and returns when every client's connection is closed; holds and endpoints stay on disk. Computes are left as they are. Idempotent. */
  close(): Promise<void>;
}

/** Starts the proxy as it was left: with its endpoints, and with the holds that nobody has resumed. Throws `proxy-state-unreadable`, `invalid-master-key`, `tls-unusable`, `port-taken`, `address-unusable` (operator). */
export async function createProxy(options: ProxyOptions): Promise<Proxy> {
  const log: Log = options.log ?? (() => {});
  const credentials = createCredentials(options.masterKey);
  const file = await openStateFile(options.dir);
  const host = options.host ?? "127.0.0.1";
  const encryption = await openEncryption(options.dir, host, options.certificate, ({ code, message }) =>
    log("certificate-failed", { code, reason: message }),
  );
  const hosts = new Map<EndpointName, EndpointHost>();
  const backends = createBackends({
    computes: options.computes,
    wakeMs: options.wakeMs ?? 10_000,
    log,
    makeRoom: (timeline, user, onlyTheirs) => makeRoom(hosts, timeline, user, onlyTheirs),
  });
  for (const endpoint of file.current().endpoints) hosts.set(endpoint.name, new EndpointHost(endpoint, backends, log));
  const holds = createHoldControl({ file, hosts, backends });

  const sessions = new Map<number, Session>();
  const sockets = new Set<Socket>();
  let strangers = 0;
  const take = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {}); // The client is gone: "close" follows and is what counts.
    socket.on("close", () => sockets.delete(socket));
  };
  const listener = await listen(host, options.port, (socket) => {
    take(socket);
    const isFull = sockets.size > (options.maxClients ?? 2000) || (!isLocal(socket) && strangers >= (options.maxStrangers ?? 100));
    if (isFull) return farewell(socket, fatal("53300", "sorry, too many clients already"));
    serve(socket).catch((error: unknown) => {
      log("client-failed", { reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      socket.destroy();
    });
  });

  async function serve(raw: Socket): Promise<void> {
    const greeting = await welcome(raw);
    const socket = greeting?.wire.socket;
    if (!greeting || !socket || socket.destroyed) return;
    if (socket !== raw) {
      sockets.delete(raw);
      take(socket);
    }
    const host = hosts.get(greeting.endpoint);
    if (!host) return farewell(socket, fatal("3D000", `database "${greeting.endpoint}" does not exist`));
    // The hold may have ended while the password was being checked.
    if (greeting.hold !== undefined && !holds.of(greeting.endpoint).includes(greeting.hold))
      return farewell(socket, fatal("28P01", `password authentication failed for user "${greeting.user}"`));
    const session = new Session(greeting, newKey(sessions), host);
    host.sessions.add(session);
    sessions.set(session.key.pid, session);
    socket.on("close", () => sessions.delete(session.key.pid));
    await session.attach();
  }

  async function welcome(raw: Socket): Promise<Greeting | undefined> {
    const isStranger = !isLocal(raw);
    const knows = (name: string): boolean => hosts.has(name as EndpointName);
    const holdsOf = (name: EndpointName): HoldId[] => holds.of(name);
    if (isStranger) strangers += 1;
    try {
      return await greet(raw, { credentials, encryption, isStranger, knows, holdsOf, cancel }, options.startupMs ?? 10_000);
    } finally {
      if (isStranger) strangers -= 1;
    }
  }

  function cancel(key: BackendKey): void {
    const session = sessions.get(key.pid);
    if (!session?.isBusy || session.key.secret.length !== key.secret.length || !timingSafeEqual(session.key.secret, key.secret)) return;
    void session.backend?.cancel();
  }

  const sleeper = startSleeper({ hosts, computes: options.computes, backends, idleMs: options.idleMs ?? 60_000, log });
  const endWatch = watchTransactions({ hosts, backends, maxMs: options.maxTransactionMs ?? 300_000, log });
  const context: Context = { options, file, hosts, backends, holds, log, host: dsnHost(host), port: listener.port };
  let closing: Promise<void> | undefined;
  return {
    host: context.host,
    port: context.port,
    endpoint: (name, to, epoch) => holds.inTurn(name, () => setEndpoint(context, name, to, epoch)),
    findEndpoint: async (name) => hosts.get(name)?.endpoint,
    listEndpoints: async () => [...hosts.values()].map((host) => host.endpoint),
    removeEndpoint: (name) => holds.inTurn(name, () => removeEndpoint(context, name)),
    credential: async (name, role) => credentialOf(context, name, role, credentials.password(name, role)),
    async hold(name, id, settings) {
      await holds.hold(name, id, settings);
      return { id, endpoint: name, dsn: credentialOf(context, name, ADMIN_ROLE, credentials.holdPassword(name, id)).dsn };
    },
    resume: (id) => holds.resume(id),
    holds: async () => file.current().holds.map(({ id, endpoint }) => ({ id, endpoint })),
    async wake(name) {
      const { timeline } = known(hosts, name).endpoint;
      backends.touch(timeline);
      await options.computes.acquire(timeline);
    },
    isBusy: (name) => [...(hosts.get(name)?.sessions ?? [])].some((session) => session.isBusy),
    suspend: (name) => sleeper.suspend(known(hosts, name).endpoint.timeline),
    close() {
      closing ??= (async () => {
        endWatch();
        await sleeper.stop();
        const stopped = listener.close();
        for (const host of hosts.values()) host.gate.dispose();
        for (const session of [...sessions.values()]) session.fail("57P01", "terminating connection due to administrator command");
        for (const socket of sockets) socket.destroySoon();
        await within(LINGER_MS, Promise.all([...sockets].map(closed)));
        for (const socket of sockets) socket.destroy();
        await stopped;
      })();
      return closing;
    },
  };
}

function isLocal(socket: Socket): boolean {
  return isLoopback(socket.remoteAddress);
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve())));
}

interface Context {
  options: ProxyOptions;
  file: StateFile;
  hosts: Map<EndpointName, EndpointHost>;
  backends: Backends;
  holds: HoldControl;
  log: Log;
  host: string;
  port: number;
}

async function setEndpoint(context: Context, name: EndpointName, timeline: TimelineId, epoch: number): Promise<Endpoint> {
  const { file, hosts, backends, options } = context;
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) {
    throw new AdorableError({
      code: "invalid-endpoint-name",
      remedy: "bug",
      message: `"${name}" is not an endpoint's name: 1 to 63 of a-z, 0-9 and _, first a letter.`,
    });
  }
  const next: Endpoint = { name, timeline, epoch };
  const host = hosts.get(name);
  const present = host?.endpoint;
  if (present && (epoch < present.epoch || (epoch === present.epoch && timeline !== present.timeline))) {
    throw new AdorableError({
      code: "stale-epoch",
      remedy: "bug",
      message: `The endpoint "${name}" is at epoch ${present.epoch} on the timeline "${present.timeline}": epoch ${epoch} on "${timeline}" comes too late.`,
      details: { present, asked: next },
    });
  }
  if (present && epoch === present.epoch) return present;
  const save = (): Promise<void> =>
    file.update((state) => ({ ...state, endpoints: [...state.endpoints.filter((row) => row.name !== name), next] }));
  if (!host || !present) {
    await save();
    hosts.set(name, new EndpointHost(next, backends, context.log));
    return next;
  }
  if (present.timeline === timeline) {
    await save();
    host.route(next);
    return next;
  }
  await host.gate.move(async () => {
    for (const session of await host.settle(options.moveDrainMs ?? 5000))
      session.fail("57P01", "terminating connection: the database was replaced", "Connect again.");
    await Promise.all([...host.sessions].map((session) => session.release(true, "the database was replaced")));
    await backends.endLeaving(present.timeline);
    await save();
    host.route(next);
  });
  await stopUnrouted(context, present.timeline);
  return next;
}

async function removeEndpoint(context: Context, name: EndpointName): Promise<void> {
  const { file, hosts, backends } = context;
  const host = hosts.get(name);
  if (!host) return;
  await file.update((state) => ({
    endpoints: state.endpoints.filter((row) => row.name !== name),
    holds: state.holds.filter((row) => row.endpoint !== name),
  }));
  hosts.delete(name);
  host.remove();
  await backends.endLeaving(host.endpoint.timeline);
  await stopUnrouted(context, host.endpoint.timeline);
}

/** Nothing reaches the timeline's compute any more: it need not wait to fall asleep. Where that fails, the sleeper tries again. */
async function stopUnrouted({ hosts, backends, log }: Context, timeline: TimelineId): Promise<void> {
  if ([...hosts.values()].some((host) => host.endpoint.timeline === timeline)) return;
  try {
    await backends.stopIfUnused(timeline);
  } catch (error) {
    log("sleep-failed", { timeline, reason: error instanceof Error ? error.message : String(error) });
  }
}

/** Clients that only stay connected keep nobody out: the backend of the one that has been idle for longest goes to who needs it. */
async function makeRoom(
  hosts: ReadonlyMap<EndpointName, EndpointHost>,
  timeline: TimelineId,
  user: string,
  onlyTheirs: boolean,
): Promise<boolean> {
  const idle = [...hosts.values()]
    .flatMap((host) => [...host.sessions])
    .filter((session) => session.timeline === timeline && session.atBoundary && (!onlyTheirs || session.user === user))
    .sort((a, b) => Number(b.user === user) - Number(a.user === user) || a.activeAt - b.activeAt);
  for (const session of idle) if (await session.giveWay()) return true;
  return false;
}

function credentialOf({ host, port }: Context, database: EndpointName, user: string, password: string): Credential {
  const dsn = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host.includes(":") ? `[${host}]` : host}:${port}/${database}`;
  return { host, port, database, user, password, dsn };
}

/** The endpoint's host. Throws `endpoint-unknown` (bug). */
function known(hosts: Map<EndpointName, EndpointHost>, name: EndpointName): EndpointHost {
  const host = hosts.get(name);
  if (!host) throw new AdorableError({ code: "endpoint-unknown", remedy: "bug", message: `There is no endpoint "${name}".` });
  return host;
}

/** A key that no live session has; PostgreSQL's are positive 31-bit process ids, so are these. */
function newKey(taken: Map<number, Session>): BackendKey {
  for (;;) {
    const pid = randomInt(1, 2 ** 31);
    if (!taken.has(pid)) return { pid, secret: randomBytes(4) };
  }
}
