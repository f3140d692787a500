/** Development: the API as it is, and the client through Vite's middleware in the same process. */
import type { RequestListener, Server } from "node:http";
import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";

export async function createDevServer(app: Hono): Promise<Server> {
  const { createServer: createViteServer } = await import("vite");
  const server = createServer();
  const vite = await createViteServer({ configLoader: "native", server: { middlewareMode: true, ws: { server } } });
  const api: RequestListener = getRequestListener(app.fetch);
  server.on("request", (request, response) => {
    if (request.url === "/health" || request.url?.startsWith("/api/")) void api(request, response);
    else vite.middlewares(request, response);
  });
  server.on("close", () => void vite.close());
  return server;
}
