/** The control plane's side of the runner protocol, as far as a verification uses it, over real HTTP, WebSockets and PostgreSQL. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { createWebSocketStream, WebSocketServer } from "ws";
import type { ThrowawayPostgres } from "./throwaway-postgres.ts";

export interface VerifyControlPlane {
  url: string;
  token: string;
  /** Digest → bytes. */
  files: Map<string, Buffer>;
  databases: string[];
  /** The next so many SQL connections are broken off at the first byte of their client, as when the control plane is killed. */
  lose(connections: number): void;
  close(): Promise<void>;
}

/** `migrations`: per app, what every fork holds. */
export async function startVerifyControlPlane(
  postgres: ThrowawayPostgres,
  migrations: Record<string, string>,
): Promise<VerifyControlPlane> {
  const token = "test-session-token";
  const files = new Map<string, Buffer>();
  const databases: string[] = [];
  const prefix = `fork_${process.pid}_${Date.now().toString(36)}`;
  let made = 0;
  let losing = 0;
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    void (async () => {
      const body = await buffer(request);
      if (request.headers.authorization !== `Bearer ${token}`)
        return answer(401, { error: { code: "session-invalid", remedy: "bug", message: "No session." } });
      if (request.url === "/runner/v1/databases") {
        const { apps } = JSON.parse(body.toString()) as { apps: string[] };
        const database = `${prefix}_${made++}`;
        await postgres.createDatabase(database, Object.fromEntries(apps.map((slug) => [slug, migrations[slug] ?? ""])));
        databases.push(database);
        return answer(200, {
          database,
          apps: Object.fromEntries(apps.map((slug) => [slug, { user: `app_${slug.replaceAll("-", "_")}`, password: `secret-of-${slug}` }])),
        });
      }
      if (request.url === "/runner/v1/files") {
        const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
        files.set(digest, body);
        return answer(200, { digest });
      }
      return answer(404, { error: { code: "call-unknown", remedy: "bug", message: `No call "${request.url ?? ""}".` } });
    })();
  });
  const sockets = new WebSocketServer({ server, path: "/runner/v1/sql" });
  sockets.on("connection", (webSocket) => {
    if (losing > 0) {
      losing -= 1;
      webSocket.once("message", () => webSocket.terminate());
      return;
    }
    const stream = createWebSocketStream(webSocket);
    const socket = connect(postgres.port, postgres.host);
    for (const end of [stream, socket]) end.on("error", () => (stream.destroy(), socket.destroy()));
    stream.pipe(socket).pipe(stream);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    files,
    databases,
    lose: (connections) => void (losing = connections),
    async close() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
