/**
 * Calls between two processes of one machine over a private unix socket: one JSON object per line, many calls at a time.
 *
 * A request is `{ id, service, method, args }`, its answer `{ id, result }` or `{ id, error }`. Arguments and results are JSON; an absent result is undefined.
 */
import { chmod, rm } from "node:fs/promises";
import { createConnection, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { AdorableError, toAdorableError, type ErrorData } from "../core/errors.ts";

export interface RpcServer {
  /** Ends every connection; calls under way go on, unheard. Idempotent. */
  close(): Promise<void>;
}

export interface RpcClientOptions {
  /** How long a call may take. Default 120,000. */
  callTimeoutMs?: number;
  /** How long a call waits for the other process to listen. Default 2,000. */
  connectTimeoutMs?: number;
}

const MAX_LINE_BYTES = 64 * 1024 * 1024;
const CALL_TIMEOUT_MS = 120_000;
const CONNECT_TIMEOUT_MS = 2000;
const CONNECT_RETRY_MS = 50;

const requestSchema = z.strictObject({ id: z.number(), service: z.string(), method: z.string(), args: z.array(z.unknown()) });
const answerSchema = z.object({ id: z.number(), result: z.unknown().optional(), error: z.custom<ErrorData>().optional() });

/**
 * Serves the methods of `services` at `socketPath` (0600). Whoever may open the socket may call all of them.
 * Throws `socket-in-use` (operator) where another process listens there; a file that a killed one left is replaced.
 */
export async function serveRpc(
  socketPath: string,
  services: Record<string, object>,
  onError: (error: AdorableError) => void = () => {},
): Promise<RpcServer> {
  if (await answers(socketPath)) {
    throw new AdorableError({
      code: "socket-in-use",
      remedy: "operator",
      message: `Another process listens at "${socketPath}".`,
      hint: "Stop it, or choose another run directory.",
    });
  }
  await rm(socketPath, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // The caller is gone: "close" follows.
    socket.on("close", () => sockets.delete(socket));
    byLines(socket, (line) => {
      void answer(services, line, onError).then((text) => {
        if (text === undefined) socket.destroy();
        else if (!socket.destroyed) socket.write(text);
      });
    });
  });
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(socketPath, resolve);
    });
  } finally {
    process.umask(mask);
  }
  await chmod(socketPath, 0o600);
  let closing: Promise<void> | undefined;
  return {
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
      return closing;
    },
  };
}

/** The line to send back, or undefined for what is no request. */
async function answer(
  services: Record<string, object>,
  line: string,
  onError: (error: AdorableError) => void,
): Promise<string | undefined> {
  const request = requestSchema.safeParse(parseJson(line));
  if (!request.success) return undefined;
  const { id, service, method, args } = request.data;
  try {
    const target = Object.hasOwn(services, service) ? (services[service] as Record<string, unknown>) : undefined;
    const call = target === undefined || method in Object.prototype ? undefined : target[method];
    if (typeof call !== "function")
      throw new AdorableError({ code: "call-unknown", remedy: "bug", message: `There is no call "${service}.${method}".` });
    // JSON has no undefined: an argument that was left out came as null only where another follows it.
    const result: unknown = await (call.apply(target, args) as unknown);
    return `${JSON.stringify({ id, result })}\n`;
  } catch (thrown) {
    const error = toAdorableError(thrown);
    onError(error);
    return `${JSON.stringify({ id, error: error.toJSON() })}\n`;
  }
}

/**
 * The service at `socketPath` as an object whose every method is a call. It connects at the first call and again after a loss.
 * Calls throw what the service threw; `edge-unreachable` (wait) where nobody listens or the connection was lost before the answer (details.sent: whether
 * the call may have been carried out), `edge-timeout` (wait). No call is ever sent twice.
 */
export function connectRpc<T extends object>(socketPath: string, service: string, options: RpcClientOptions = {}): T {
  const line = createLine(socketPath, options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
  const methods = new Map<string, (...args: unknown[]) => Promise<unknown>>();
  return new Proxy({} as T, {
    get(_, method) {
      // An object with `then` would be taken for a promise.
      if (typeof method !== "string" || method === "then" || method === "toJSON") return undefined;
      const known = methods.get(method);
      if (known) return known;
      const made = (...args: unknown[]): Promise<unknown> => line.call({ service, method, args }, options.callTimeoutMs ?? CALL_TIMEOUT_MS);
      methods.set(method, made);
      return made;
    },
  });
}

interface Call {
  service: string;
  method: string;
  args: unknown[];
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: AdorableError): void;
}

/** One connection at a time, shared by all calls. It keeps no process alive while nothing is asked. */
function createLine(socketPath: string, connectTimeoutMs: number): { call(call: Call, timeoutMs: number): Promise<unknown> } {
  const waiting = new Map<number, Waiting>();
  let connected: Promise<Socket> | undefined;
  let lastId = 0;

  async function open(): Promise<Socket> {
    const deadline = Date.now() + connectTimeoutMs;
    for (;;) {
      try {
        return await connect(socketPath);
      } catch (cause) {
        if (Date.now() >= deadline) throw unreachable(socketPath, false, cause);
        await delay(CONNECT_RETRY_MS);
      }
    }
  }

  function line(): Promise<Socket> {
    connected ??= open().then(
      (socket) => {
        const mine = new Set<number>();
        owned.set(socket, mine);
        byLines(socket, (text) => receive(socket, mine, text));
        socket.on("close", () => {
          connected = undefined;
          for (const id of mine) waiting.get(id)?.reject(unreachable(socketPath, true));
        });
        socket.unref();
        return socket;
      },
      (error: unknown) => {
        connected = undefined;
        throw error;
      },
    );
    return connected;
  }
  const owned = new WeakMap<Socket, Set<number>>();

  function receive(socket: Socket, mine: Set<number>, text: string): void {
    const parsed = answerSchema.safeParse(parseJson(text));
    const call = parsed.success ? waiting.get(parsed.data.id) : undefined;
    if (!parsed.success || !mine.has(parsed.data.id)) return void (parsed.success || socket.destroy());
    const { error, result } = parsed.data;
    if (error) call?.reject(AdorableError.fromJSON(error));
    else call?.resolve(result);
  }

  return {
    async call(call, timeoutMs) {
      const id = ++lastId;
      const text = `${JSON.stringify({ id, ...call })}\n`;
      let socket = await line();
      // Lost between two calls: nothing of this one was sent.
      while (socket.destroyed) socket = await line();
      let timer: NodeJS.Timeout | undefined;
      const mine = owned.get(socket);
      mine?.add(id);
      socket.ref();
      try {
        return await new Promise<unknown>((resolve, reject) => {
          waiting.set(id, { resolve, reject });
          timer = setTimeout(() => reject(late(call, timeoutMs)), timeoutMs);
          socket.write(text);
        });
      } finally {
        clearTimeout(timer);
        waiting.delete(id);
        mine?.delete(id);
        if (mine?.size === 0) socket.unref();
      }
    },
  };
}

function connect(socketPath: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => {}); // "close" follows and ends the calls.
      resolve(socket);
    });
  });
}

async function answers(socketPath: string): Promise<boolean> {
  try {
    (await connect(socketPath)).destroy();
    return true;
  } catch {
    return false; // Nobody listens: that is the question.
  }
}

/** Gives each line to `take`; a line beyond the limit ends the connection. */
function byLines(socket: Socket, take: (line: string) => void): void {
  let parts: Buffer[] = [];
  let size = 0;
  socket.on("data", (chunk: Buffer) => {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end));
      from = end + 1;
      const line = Buffer.concat(parts).toString("utf8");
      parts = [];
      size = 0;
      take(line);
    }
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > MAX_LINE_BYTES) socket.destroy();
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No schema takes it.
  }
}

function unreachable(socketPath: string, sent: boolean, cause?: unknown): AdorableError {
  const what = sent ? `The edge at "${socketPath}" was lost before it answered.` : `The edge does not listen at "${socketPath}".`;
  return new AdorableError({
    code: "edge-unreachable",
    remedy: "wait",
    message: what,
    hint: "See that the edge is running; what waits is tried again.",
    details: { sent },
    cause,
  });
}

function late({ service, method }: Call, timeoutMs: number): AdorableError {
  return new AdorableError({
    code: "edge-timeout",
    remedy: "wait",
    message: `The edge did not answer "${service}.${method}" in ${timeoutMs} ms.`,
    details: { sent: true },
  });
}
