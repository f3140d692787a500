/** The WebSocket through which a runner speaks PostgreSQL to the databases of its run, and to nothing else. */
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { createWebSocketStream, WebSocketServer } from "ws";
import { AdorableError } from "../../core/errors.ts";
import { ADMIN_ROLE } from "../../database/database.ts";
import type { EndpointName } from "../../core/ids.ts";
import type { Platform } from "../platform.ts";
import { isDatabaseOf } from "./databases.ts";
import { authenticate } from "./identity.ts";

/** Handles an upgrade of `/runner/v1/sql?database=…`. */
export function createSqlTunnel(platform: Platform): {
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
} {
  const server = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 * 1024, perMessageDeflate: false });

  const open = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const database = new URL(request.url ?? "/", "http://tunnel").searchParams.get("database") ?? "";
    const caller = await authenticate(platform, request.headers.authorization);
    if (!(await isDatabaseOf(platform, caller, database)))
      throw new AdorableError({ code: "runner-denied", remedy: "author", message: `The database "${database}" is not one of this run.` });
    const { host, port } = await platform.database.credential(database as EndpointName, ADMIN_ROLE);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      const tunnel = createWebSocketStream(webSocket);
      const postgres = connect({ host, port, noDelay: true });
      // Either end's death is the other's: PostgreSQL clients know what a closed connection means.
      const end = (): void => {
        tunnel.destroy();
        postgres.destroy();
      };
      for (const stream of [tunnel, postgres]) stream.once("error", end).once("close", end);
      tunnel.pipe(postgres).pipe(tunnel);
    });
  };

  return {
    handle(request, socket, head) {
      socket.on("error", () => socket.destroy());
      open(request, socket, head).catch((error: unknown) => {
        const status = AdorableError.isInstance(error) && error.code === "runner-denied" ? "401 Unauthorized" : "503 Service Unavailable";
        socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      });
    },
    close() {
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };
}
