/** Serves the built client: hashed files for ever, the page itself always fresh, and a plain 404 for files that are not there. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { serveStatic } from "@hono/node-server/serve-static";
import type { Hono } from "hono";

export function serveClient(app: Hono, clientDir: string): void {
  app.use(
    "/*",
    serveStatic({
      root: clientDir,
      onFound: (path, c) => {
        c.header("Cache-Control", path.includes("/assets/") ? "public, max-age=31536000, immutable" : "no-cache");
      },
    }),
  );
  app.get("*", async (c) => {
    const { pathname } = new URL(c.req.url);
    // A page's address has no file extension; a missing script must not be answered with a page.
    if (pathname.startsWith("/assets/") || /\.[a-z0-9]+$/i.test(pathname)) return c.text("Not found", 404);
    c.header("Cache-Control", "no-cache");
    return c.html(await readFile(join(clientDir, "index.html"), "utf8"));
  });
}
