/** The PostgreSQL wire messages that the proxy itself writes, and the startup packet that it reads. */

/** The largest startup packet that is read, as in PostgreSQL. */
export const MAX_STARTUP_BYTES = 10_000;
/** The largest message that PostgreSQL takes. */
export const MAX_MESSAGE_BYTES = 1024 * 1024 * 1024;
export const PROTOCOL_3_0 = 196_608;
export const SSL_REQUEST = 80_877_103;
export const GSSENC_REQUEST = 80_877_104;
export const CANCEL_REQUEST = 80_877_102;

/** The SQLSTATEs that the proxy speaks for itself. */
export type SqlState =
  /** Wrong password. */
  | "28P01"
  /** No such database. */
  | "3D000"
  /** Closed by the administrator: connect again. */
  | "57P01"
  /** Not now: connect later. */
  | "57P03"
  /** A transaction took too long. */
  | "25P04"
  | "53300"
  | "08P01"
  | "0A000"
  | "28000"
  | "XX000";

export interface BackendKey {
  pid: number;
  secret: Buffer;
}

/** One typed message: type, length, body. */
export function message(type: string, body: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(5 + body.length);
  frame[0] = type.charCodeAt(0);
  frame.writeUInt32BE(4 + body.length, 1);
  body.copy(frame, 5);
  return frame;
}

/** A FATAL ErrorResponse: the session ends after it. */
export function fatal(code: SqlState, text: string, hint?: string): Buffer {
  const fields = [`SFATAL`, `VFATAL`, `C${code}`, `M${text}`, ...(hint === undefined ? [] : [`H${hint}`])];
  return message("E", Buffer.from(`${fields.map((field) => field.replaceAll("\0", "")).join("\0")}\0\0`, "utf8"));
}

export function authentication(kind: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32BE(kind);
  return message("R", Buffer.concat([head, body]));
}

export function parameterStatus(name: string, value: string): Buffer {
  return message("S", Buffer.from(`${name}\0${value}\0`, "utf8"));
}

export function backendKeyData(key: BackendKey): Buffer {
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32BE(key.pid);
  return message("K", Buffer.concat([head, key.secret]));
}

export function readyForQuery(): Buffer {
  return message("Z", Buffer.from("I"));
}

/** Tells a client of a newer minor version, or with protocol options, what it gets: 3.0 and none of the options. */
export function negotiateProtocolVersion(unknownOptions: string[]): Buffer {
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32BE(PROTOCOL_3_0);
  head.writeUInt32BE(unknownOptions.length, 4);
  return message("v", Buffer.concat([head, ...unknownOptions.map((name) => Buffer.from(`${name}\0`, "utf8"))]));
}

export function simpleQuery(sql: string): Buffer {
  return message("Q", Buffer.from(`${sql}\0`, "utf8"));
}

export function cancelRequest(key: BackendKey): Buffer {
  const head = Buffer.allocUnsafe(12);
  head.writeUInt32BE(12 + key.secret.length);
  head.writeUInt32BE(CANCEL_REQUEST, 4);
  head.writeUInt32BE(key.pid, 8);
  return Buffer.concat([head, key.secret]);
}

/** The startup packet that opens a session with a backend. */
export function startupMessage(parameters: ReadonlyMap<string, string>): Buffer {
  const pairs = [...parameters].map(([name, value]) => `${name}\0${value}\0`).join("");
  const body = Buffer.from(`${pairs}\0`, "utf8");
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32BE(8 + body.length);
  head.writeUInt32BE(PROTOCOL_3_0, 4);
  return Buffer.concat([head, body]);
}

/** The name-value pairs of a startup packet's body, or undefined where it is malformed. */
export function parseStartupParameters(body: Buffer): Map<string, string> | undefined {
  const parts = body.toString("utf8").split("\0");
  // Pairs, then the empty name that ends the list, then what follows the last zero byte.
  if (parts.length < 2 || parts.at(-1) !== "" || parts.at(-2) !== "" || parts.length % 2 !== 0) return undefined;
  const parameters = new Map<string, string>();
  for (let i = 0; i < parts.length - 2; i += 2) {
    const name = parts[i] ?? "";
    if (name === "") return undefined;
    parameters.set(name, parts[i + 1] ?? "");
  }
  return parameters;
}

/** The fields of an ErrorResponse's body, by their letter. */
export function errorFields(body: Buffer): Map<string, string> {
  const fields = new Map<string, string>();
  for (const part of body.toString("utf8").split("\0")) if (part !== "") fields.set(part.charAt(0), part.slice(1));
  return fields;
}
