/** The HTTP surface: health, the API, and in production the built client. */
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import { secureHeaders } from "hono/secure-headers";
import type { Db } from "./database.ts";
import { appRouter } from "./router.ts";
import { serveClient } from "./static.ts";

export interface AppOptions {
  db: Db;
  /** The folder of the built client; without it only the API is served. */
  clientDir?: string;
}

export function createApp({ db, clientDir }: AppOptions): Hono {
  const app = new Hono();
  app.use(
    secureHeaders({
      strictTransportSecurity: false,
      contentSecurityPolicy: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", "data:", "https:"],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
      },
    }),
  );
  app.get("/health", (c) => c.text("ok"));
  app.use("/api/*", bodyLimit({ maxSize: 1024 * 1024 }));
  app.all("/api/trpc/*", (c) =>
    fetchRequestHandler({
      endpoint: "/api/trpc",
      req: c.req.raw,
      router: appRouter,
      createContext: () => ({ db }),
      onError: ({ error, path }) => {
        if (error.code === "INTERNAL_SERVER_ERROR" || error.code === "SERVICE_UNAVAILABLE")
          console.error(`${path ?? "unknown procedure"}:`, error.cause ?? error);
      },
    }),
  );
  app.all("/api/*", (c) => c.json({ error: "There is no such address in the API." }, 404));
  if (clientDir !== undefined) {
    app.use(compress());
    serveClient(app, clientDir);
  }
  return app;
}
