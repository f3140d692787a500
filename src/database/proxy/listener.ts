/** Where the proxy listens: on loopback always, and on the operator's address beside it. */
import { lookup } from "node:dns/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { AdorableError } from "../../core/errors.ts";

export interface Listener {
  port: number;
  /** Takes no more clients; returns when those that were taken are gone, or have been adopted by another socket. */
  close(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";
/** How long a silent connection is left before the system asks whether the other end still exists. */
const KEEP_ALIVE_MS = 60_000;
/** How many free ports are tried for one that is free on both addresses. */
const TRIES = 5;

/** Is the peer (or the address to listen on) this machine's own loopback? */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(localhost|::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/.test(address);
}

/** The address in the DSNs of this machine's own processes, who need no TLS there. */
export function dsnHost(host: string): string {
  return isLoopback(host) ? host : LOOPBACK;
}

/** Listens on `host`, an address or a name of one. Throws `port-taken`, `address-unusable` (operator). */
export async function listen(host: string, port: number, onClient: (socket: Socket) => void): Promise<Listener> {
  const { address } = await lookup(host).catch((cause: NodeJS.ErrnoException) => {
    throw failed(host, port, cause);
  });
  const hosts = isLoopback(host) || [LOOPBACK, "0.0.0.0", "::"].includes(address) ? [host] : [LOOPBACK, host];
  for (let tries = port === 0 ? TRIES : 1; ; tries--) {
    const servers: Server[] = [];
    let taken = port;
    try {
      for (const each of hosts) {
        const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, onClient);
        await listening(server, each, taken);
        servers.push(server);
        taken = (server.address() as AddressInfo).port;
      }
      return { port: taken, close: async () => void (await Promise.all(servers.map(closed))) };
    } catch (error) {
      await Promise.all(servers.map(closed));
      if (tries === 1 || !AdorableError.isInstance(error) || error.code !== "port-taken") throw error;
    }
  }
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(failed(host, port, cause)));
    server.listen({ host, port }, resolve);
  });
}

function failed(host: string, port: number, cause: NodeJS.ErrnoException): AdorableError {
  if (cause.code === "EADDRINUSE") {
    return new AdorableError({
      code: "port-taken",
      remedy: "operator",
      message: `The port "${port}" on "${host}" is in use.`,
      hint: "Stop what listens there, or choose another port.",
      cause,
    });
  }
  return new AdorableError({
    code: "address-unusable",
    remedy: "operator",
    message: `The proxy cannot listen on "${host}", port ${port}: ${cause.message}.`,
    hint: "Choose an address of this machine, and a port that its user may open.",
    cause,
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
