/** A local TCP port that is a database of the run: bytes go to the control plane's `/sql` WebSocket and back, so that no PostgreSQL port is public. */
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createWebSocketStream, WebSocket } from "ws";
import { AdorableError } from "../core/errors.ts";

export interface SqlTunnel {
  host: string;
  port: number;
  /** Ends every connection and stops listening. Idempotent. */
  close(): Promise<void>;
}

const HANDSHAKE_TIMEOUT_MS = 30_000;

export interface TunnelTarget {
  url: string;
  authorization: string;
  /** Called when a connection could not be made, or was broken off without a goodbye: the control plane, or the way to it, was lost. */
  onLost?: () => void;
}

/**
 * Listens on a free port of 127.0.0.1; each connection gets a WebSocket of its own, with back-pressure both ways.
 * A connection that the control plane refuses gets a PostgreSQL error (08006) with the reason, and is closed.
 */
export async function openSqlTunnel(sql: TunnelTarget, database: string): Promise<SqlTunnel> {
  const open = new Set<() => void>();
  const server = createServer({ noDelay: true }, (socket) => {
    const webSocket = new WebSocket(`${sql.url}?database=${encodeURIComponent(database)}`, {
      headers: { authorization: sql.authorization },
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      perMessageDeflate: false,
    });
    const end = (): void => {
      webSocket.terminate();
      socket.destroy();
    };
    open.add(end);
    watchLoss(socket, webSocket, sql.onLost);
    void forward(socket, webSocket).finally(() => {
      open.delete(end);
      end();
    });
  });
  const port = await listen(server);
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  return {
    host: "127.0.0.1",
    port,
    async close() {
      server.close();
      for (const end of open) end();
      await closed;
    },
  };
}

/** Abnormal closure, as WebSockets call it: no close frame came. */
const ABNORMAL = 1006;

function watchLoss(socket: Socket, webSocket: WebSocket, onLost: (() => void) | undefined): void {
  if (onLost === undefined) return;
  // What the client has ended, or we with it, is not lost.
  webSocket.once("close", (code) => {
    if (code === ABNORMAL && !socket.destroyed && !socket.readableEnded) onLost();
  });
}

/** Never rejects: a broken connection is the client's to see. */
async function forward(socket: Socket, webSocket: WebSocket): Promise<void> {
  const refusal = new Promise<string>((resolve) => {
    webSocket.on("error", (error) => resolve(error.message));
    webSocket.on("unexpected-response", (_request, response) => {
      response.resume();
      resolve(`the control plane refused the tunnel with ${response.statusCode ?? 0}`);
    });
  });
  const opened = new Promise<undefined>((resolve) => webSocket.once("open", () => resolve(undefined)));
  // The client speaks first; it must not be read before there is someone to tell.
  socket.pause();
  socket.on("error", () => webSocket.terminate());
  const refused = await Promise.race([opened, refusal]);
  if (refused !== undefined) {
    await new Promise<void>((resolve) => socket.end(errorResponse(refused), resolve));
    return;
  }
  const remote: Duplex = createWebSocketStream(webSocket);
  await pipeline(socket, remote, socket).catch(() => undefined);
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address.port);
      else reject(new AdorableError({ code: "tunnel-not-listening", remedy: "bug", message: "The SQL tunnel has no port." }));
    });
  });
}

/** PostgreSQL's ErrorResponse, so that a client says why instead of "connection terminated". */
function errorResponse(message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C08006\0M${message.replaceAll("\0", "")}\0\0`);
  const header = Buffer.alloc(5);
  header.write("E", 0);
  header.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([header, fields]);
}
