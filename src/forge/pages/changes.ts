/** Says that something of a repository changed, and nothing else: the page asks for itself again. */
import { watch, type FSWatcher } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import { logPath } from "../actions/logs.ts";
import type { ForgeCore } from "../core.ts";
import type { Repository, WorkflowRun } from "../records.ts";

const PING_MS = 15_000;
/** After which a browser comes back when the connection was lost. */
const RETRY_MS = 1000;

/** Ends with the connection, and with the forge, which ends all connections. `run`: its logs count too. */
export function changesStream(core: ForgeCore, c: Context, repository: Repository, run: WorkflowRun | undefined): Response {
  if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
  return streamSSE(c, async (stream) => {
    const ended = Promise.withResolvers<void>();
    stream.onAbort(() => ended.resolve());
    let isSending = false;
    let isDue = false;
    /** At most one event is under way: a slow reader gets fewer, not more. */
    const tell = async (): Promise<void> => {
      isDue = true;
      if (isSending) return;
      isSending = true;
      while (isDue && !stream.aborted) {
        isDue = false;
        await stream.writeSSE({ event: "changed", data: "" });
      }
      isSending = false;
    };
    const unsubscribe = core.changes.subscribe((change) => {
      if (change.repositoryId === repository.id) void tell();
    });
    const ping = setInterval(() => void stream.writeSSE({ event: "ping", data: "" }), PING_MS);
    let logs: FSWatcher | undefined;
    try {
      if (run !== undefined) logs = await watchLogs(core, run, () => void tell());
      await stream.writeSSE({ event: "ready", data: "", retry: RETRY_MS });
      if (!stream.aborted) await ended.promise;
    } finally {
      logs?.close();
      clearInterval(ping);
      unsubscribe();
    }
  });
}

async function watchLogs(core: ForgeCore, run: WorkflowRun, onWritten: () => void): Promise<FSWatcher> {
  const folder = dirname(logPath(core, { id: 0, runId: run.id }));
  await mkdir(folder, { recursive: true });
  const watcher = watch(folder, onWritten);
  watcher.on("error", (error) => core.log(`The logs of run ${run.id} cannot be watched: ${error.message}`));
  return watcher;
}
