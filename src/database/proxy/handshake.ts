/** The beginning of a client's connection: encryption requests, cancel, startup packet, SCRAM. Everything is bounded in bytes and time. */
import type { Socket } from "node:net";
import { AdorableError } from "../../core/errors.ts";
import type { EndpointName, HoldId } from "../../core/ids.ts";
import { ADMIN_ROLE } from "../database.ts";
import type { Credentials } from "./credentials.ts";
import {
  authentication,
  type BackendKey,
  CANCEL_REQUEST,
  fatal,
  GSSENC_REQUEST,
  MAX_STARTUP_BYTES,
  negotiateProtocolVersion,
  parseStartupParameters,
  PROTOCOL_3_0,
  type SqlState,
  SSL_REQUEST,
} from "./messages.ts";
import { beginScram } from "./scram.ts";
import { farewell } from "./farewell.ts";

/** A client whose password was right. */
export interface Greeting {
  endpoint: EndpointName;
  user: string;
  /** What the backend gets: the client's parameters without `database`, protocol options and replication. */
  parameters: Map<string, string>;
  /** The hold whose credential was used. */
  hold?: HoldId;
  /** Bytes that came after the handshake. */
  rest: Buffer;
}

export interface HandshakeOptions {
  credentials: Credentials;
  knows(name: string): boolean;
  holdsOf(name: EndpointName): HoldId[];
  cancel(key: BackendKey): void;
}

const MAX_SASL_BYTES = 4096;

/** The client is told `code` and `message`, and that is its end. */
export class ClientRefusal extends Error {
  readonly code: SqlState;

  constructor(code: SqlState, text: string) {
    super(text);
    this.name = "ClientRefusal";
    this.code = code;
  }
}

/** Leads the client to the point where it waits for its session. Undefined where it wanted none (a cancel, or it hung up). The socket is left paused. */
export async function greet(socket: Socket, options: HandshakeOptions, timeoutMs: number): Promise<Greeting | undefined> {
  const reader = createReader(socket, timeoutMs);
  try {
    const startup = await readStartup(socket, reader, options);
    if (!startup) return undefined;
    const hold = await authenticate(socket, reader, options, startup.endpoint, startup.user);
    socket.write(authentication(0));
    return { ...startup, ...(hold === undefined ? {} : { hold }), rest: reader.rest() };
  } catch (error) {
    if (error instanceof HungUp) return undefined;
    if (!(error instanceof ClientRefusal)) throw error;
    farewell(socket, fatal(error.code, error.message));
    return undefined;
  } finally {
    reader.release();
  }
}

async function readStartup(
  socket: Socket,
  reader: Reader,
  options: HandshakeOptions,
): Promise<{ endpoint: EndpointName; user: string; parameters: Map<string, string> } | undefined> {
  const asked = new Set<number>();
  for (;;) {
    const length = (await reader.read(4)).readUInt32BE();
    if (length < 8 || length > MAX_STARTUP_BYTES) throw new ClientRefusal("08P01", "invalid length of startup packet");
    const packet = await reader.read(length - 4);
    const code = packet.readUInt32BE();
    if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
      if (asked.has(code)) throw new ClientRefusal("08P01", "encryption was asked for twice");
      asked.add(code);
      socket.write("N");
      continue;
    }
    if (code === CANCEL_REQUEST) {
      if (packet.length >= 12) options.cancel({ pid: packet.readUInt32BE(4), secret: packet.subarray(8) });
      socket.end();
      return undefined;
    }
    return startupOf(socket, code, packet.subarray(4), options);
  }
}

function startupOf(
  socket: Socket,
  version: number,
  body: Buffer,
  options: HandshakeOptions,
): { endpoint: EndpointName; user: string; parameters: Map<string, string> } {
  if (version >>> 16 !== 3) {
    throw new ClientRefusal("0A000", `unsupported frontend protocol ${version >>> 16}.${version & 0xffff}: server supports 3.0 to 3.0`);
  }
  const parameters = parseStartupParameters(body);
  if (!parameters) throw new ClientRefusal("08P01", "invalid startup packet layout");
  const protocolOptions = [...parameters.keys()].filter((name) => name.startsWith("_pq_."));
  if (version !== PROTOCOL_3_0 || protocolOptions.length > 0) socket.write(negotiateProtocolVersion(protocolOptions));
  for (const name of protocolOptions) parameters.delete(name);
  const user = parameters.get("user") ?? "";
  if (user === "") throw new ClientRefusal("28000", "no PostgreSQL user name specified in startup packet");
  const database = parameters.get("database") || user;
  const replication = parameters.get("replication") ?? "false";
  if (!["false", "off", "no", "0"].includes(replication))
    throw new ClientRefusal("0A000", "replication connections are not available here");
  parameters.delete("replication");
  parameters.delete("database");
  if (!options.knows(database)) throw new ClientRefusal("3D000", `database "${database}" does not exist`);
  return { endpoint: database as EndpointName, user, parameters };
}

/** Returns the hold whose credential was proved, if it was one's. */
async function authenticate(
  socket: Socket,
  reader: Reader,
  options: HandshakeOptions,
  endpoint: EndpointName,
  user: string,
): Promise<HoldId | undefined> {
  const wrong = (): ClientRefusal => new ClientRefusal("28P01", `password authentication failed for user "${user}"`);
  socket.write(authentication(10, Buffer.from("SCRAM-SHA-256\0\0", "latin1")));
  const initial = await readSasl(reader);
  const end = initial.indexOf(0);
  if (end < 0 || initial.toString("latin1", 0, end) !== "SCRAM-SHA-256" || initial.length < end + 5)
    throw new ClientRefusal("08P01", "malformed SASL message");
  const exchange = beginScram(initial.toString("utf8", end + 5), options.credentials.salt(endpoint, user));
  if (!exchange) throw new ClientRefusal("08P01", "malformed SCRAM message");
  socket.write(authentication(11, Buffer.from(exchange.serverFirst, "latin1")));
  const final = (await readSasl(reader)).toString("utf8");
  const holds = user === ADMIN_ROLE ? options.holdsOf(endpoint) : [];
  const { credentials } = options;
  const verifiers = await Promise.all([
    credentials.verifier(endpoint, user),
    ...holds.map((hold) => credentials.holdVerifier(endpoint, hold)),
  ]);
  const proved = exchange.finish(final, verifiers);
  if (!proved) throw wrong();
  socket.write(authentication(12, Buffer.from(proved.serverFinal, "latin1")));
  return proved.index === 0 ? undefined : holds[proved.index - 1];
}

async function readSasl(reader: Reader): Promise<Buffer> {
  const head = await reader.read(5);
  const length = head.readUInt32BE(1);
  if (head[0] !== 0x70 || length < 4 || length > MAX_SASL_BYTES) throw new ClientRefusal("08P01", "expected SASL response");
  return reader.read(length - 4);
}

class HungUp extends Error {}

interface Reader {
  read(bytes: number): Promise<Buffer>;
  rest(): Buffer;
  release(): void;
}

/** Reads exact numbers of bytes; holds at most what one packet may have, and pauses the socket beyond. */
function createReader(socket: Socket, timeoutMs: number): Reader {
  let held: Buffer = Buffer.alloc(0);
  let failure: Error | undefined;
  let wanted: { bytes: number; resolve(part: Buffer): void; reject(error: Error): void } | undefined;
  const settle = (): void => {
    if (!wanted) return;
    if (held.length >= wanted.bytes) {
      const part = held.subarray(0, wanted.bytes);
      held = held.subarray(wanted.bytes);
      wanted.resolve(part);
    } else if (failure) wanted.reject(failure);
    else {
      socket.resume();
      return;
    }
    wanted = undefined;
  };
  const fail = (error: Error): void => {
    failure ??= error;
    settle();
  };
  const onData = (chunk: Buffer): void => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (held.length > MAX_STARTUP_BYTES) socket.pause();
    settle();
  };
  const onEnd = (): void => fail(new HungUp("the client hung up"));
  const timer = setTimeout(() => fail(new ClientRefusal("08P01", "the startup took too long")), timeoutMs);
  socket.on("data", onData).on("end", onEnd).on("close", onEnd);
  return {
    read(bytes) {
      if (wanted) throw new AdorableError({ code: "unexpected", remedy: "bug", message: "A startup is read twice at once." });
      return new Promise((resolve, reject) => {
        wanted = { bytes, resolve, reject };
        settle();
      });
    },
    rest: () => held,
    release() {
      clearTimeout(timer);
      socket.pause();
      socket.off("data", onData).off("end", onEnd).off("close", onEnd);
    },
  };
}
