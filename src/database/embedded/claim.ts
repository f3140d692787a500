/** Keeps a directory to one process at a time. */
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { AdorableError } from "../../core/errors.ts";

/** Takes the directory and returns how to let go of it (idempotent). However we end, it is free again. Throws `data-directory-in-use` (operator). */
export async function claim(directory: string): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy());
  const name = createHash("sha256").update(directory).digest("hex").slice(0, 32);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "EADDRINUSE" ? inUse(directory) : error));
    // A socket without a file: the system frees its name with the process.
    server.listen(`\0adorable-${name}`, resolve);
  });
  server.unref();
  let closed: Promise<void> | undefined;
  return () => (closed ??= new Promise((resolve) => server.close(() => resolve())));
}

function inUse(directory: string): AdorableError {
  return new AdorableError({
    code: "data-directory-in-use",
    remedy: "operator",
    message: `Another process uses the data directory "${directory}".`,
    hint: "Stop the other process first.",
  });
}
