/** One connection from the proxy to a PostgreSQL server: its startup, and queries of the proxy's own while no client uses it. */
import { createConnection, type Socket } from "node:net";
import { type BackendKey, cancelRequest, errorFields, MAX_MESSAGE_BYTES, simpleQuery, startupMessage } from "./messages.ts";
import { Wire } from "./wire.ts";

export interface QueryAnswer {
  /** Columns as text, NULL as undefined. */
  rows: (string | undefined)[][];
  /** The SQLSTATE of the error, if it failed. */
  error?: string;
  /** Messages that came meanwhile and belong to the client: notices, notifications, changed parameters. */
  asides: Buffer[];
}

export interface Backend {
  wire: Wire;
  key: BackendKey;
  /** What the server reported at startup. */
  parameters: Map<string, string>;
  /** Runs one simple query. Only where nothing is outstanding and nobody else reads the wire. Rejects when the connection is lost or `timeoutMs` is over. */
  query(sql: string, timeoutMs: number): Promise<QueryAnswer>;
  /** Asks the server to cancel what the session runs; returns when it has taken note. */
  cancel(): Promise<void>;
  /** Hangs up, and returns when the server has closed its end: its process runs nothing any more. May take as long as a statement under way. Idempotent. */
  leave(): Promise<void>;
}

/** The server answered, and refused: `frame` is its own ErrorResponse. */
export class BackendRefusal extends Error {
  readonly frame: Buffer;
  readonly sqlState: string;

  constructor(frame: Buffer) {
    const fields = errorFields(frame.subarray(5));
    super(fields.get("M") ?? "refused");
    this.name = "BackendRefusal";
    this.frame = frame;
    this.sqlState = fields.get("C") ?? "";
  }
}

interface Frame {
  type: string;
  bytes: Buffer;
}

/** Opens a session. Throws `BackendRefusal`, or the socket's error where nobody listens. */
export async function connectBackend(socketPath: string, parameters: ReadonlyMap<string, string>, timeoutMs: number): Promise<Backend> {
  const wire = Wire.connect(socketPath);
  const { socket } = wire;
  socket.on("error", () => {}); // "close" follows and is what counts; while connecting it is heard below.
  try {
    socket.write(startupMessage(parameters));
    const reported = new Map<string, string>();
    let key: BackendKey | undefined;
    await readFrames(wire, timeoutMs, ({ type, bytes }) => {
      const body = bytes.subarray(5);
      if (type === "E") throw new BackendRefusal(Buffer.from(bytes));
      if (type === "R" && body.readUInt32BE() !== 0) throw new Error(`the server behind "${socketPath}" asks for a password`);
      if (type === "S") {
        const [name = "", value = ""] = body.toString("utf8").split("\0");
        reported.set(name, value);
      }
      if (type === "K") key = { pid: body.readUInt32BE(), secret: Buffer.from(body.subarray(4)) };
      return type === "Z";
    });
    if (!key) throw new Error(`the server behind "${socketPath}" gave no key`);
    const known = key;
    return {
      wire,
      key: known,
      parameters: reported,
      query: (sql, limitMs) => query(wire, sql, limitMs),
      cancel: () => cancel(socketPath, known),
      leave: () => leave(wire),
    };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function cancel(socketPath: string, key: BackendKey): Promise<void> {
  const socket = createConnection({ path: socketPath });
  socket.on("error", () => {}); // The server may be gone: then there is nothing to cancel.
  socket.write(cancelRequest(key));
  socket.setTimeout(5000, () => socket.destroy());
  socket.resume();
  await closed(socket);
}

async function query(wire: Wire, sql: string, timeoutMs: number): Promise<QueryAnswer> {
  const answer: QueryAnswer = { rows: [], asides: [] };
  wire.socket.write(simpleQuery(sql));
  await readFrames(wire, timeoutMs, ({ type, bytes }) => {
    if (type === "D") answer.rows.push(dataRow(bytes));
    if (type === "E") answer.error = errorFields(bytes.subarray(5)).get("C") ?? "XX000";
    if (type === "N" || type === "A" || type === "S") answer.asides.push(Buffer.from(bytes));
    return type === "Z";
  });
  return answer;
}

function dataRow(bytes: Buffer): (string | undefined)[] {
  const row: (string | undefined)[] = [];
  let at = 7;
  for (let left = bytes.readUInt16BE(5); left > 0; left--) {
    const length = bytes.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? undefined : bytes.toString("utf8", at, at + length));
    at += Math.max(length, 0);
  }
  return row;
}

async function leave(wire: Wire): Promise<void> {
  const { socket } = wire;
  if (!socket.destroyed) {
    socket.end();
    wire.start(() => {});
  }
  await closed(socket);
}

function closed(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** Feeds whole messages to `take` until it says that this was the last one. Leaves the wire stopped, and what came after to its next reader. */
function readFrames(wire: Wire, timeoutMs: number, take: (frame: Frame) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let pending: Buffer = Buffer.alloc(0);
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      // Who hangs up meanwhile reads on to the end.
      if (wire.isReadBy(onBytes)) wire.stop(pending);
      wire.socket.off("error", finish).off("close", onClose);
      if (error) reject(error);
      else resolve();
    };
    const onClose = (): void => finish(new Error("the server closed the connection"));
    const onBytes = (chunk: Buffer): void => {
      pending = Buffer.concat([pending, chunk]);
      try {
        while (pending.length >= 5) {
          const size = 1 + pending.readUInt32BE(1);
          if (size < 5 || size > MAX_MESSAGE_BYTES) throw new Error("the server sent a malformed message");
          if (pending.length < size) return;
          const bytes = pending.subarray(0, size);
          pending = pending.subarray(size);
          if (take({ type: String.fromCharCode(bytes[0] ?? 0), bytes })) return finish();
        }
      } catch (error) {
        finish(error as Error);
      }
    };
    const timer = setTimeout(() => finish(new Error("the server did not answer in time")), timeoutMs);
    wire.socket.on("error", finish).on("close", onClose);
    wire.start(onBytes);
  });
}
