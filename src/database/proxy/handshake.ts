/** The beginning of a client's connection: encryption requests, cancel, startup packet, SCRAM. Everything is bounded in bytes and time. */
import type { Socket } from "node:net";
import { AdorableError } from "../../core/errors.ts";
import type { EndpointName, HoldId } from "../../core/ids.ts";
import { ADMIN_ROLE } from "../database.ts";
import type { Credentials } from "./credentials.ts";
import type { Encryption } from "./encryption.ts";
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
import { Wire } from "./wire.ts";

/** A client whose password was right. */
export interface Greeting {
  /** Where the client is heard and answered from here on: its socket, or TLS upon it. What came after the handshake is held. */
  wire: Wire;
  endpoint: EndpointName;
  user: string;
  /** What the backend gets: the client's parameters without `database`, protocol options and replication. */
  parameters: Map<string, string>;
  /** The hold whose credential was used. */
  hold?: HoldId;
}

type Startup = Pick<Greeting, "endpoint" | "user" | "parameters">;

export interface HandshakeOptions {
  credentials: Credentials;
  encryption: Encryption;
  /** The client is on another machine: nothing of a session goes to it in the clear, and it learns what exists by no other way than a password. */
  isStranger: boolean;
  knows(name: string): boolean;
  holdsOf(name: EndpointName): HoldId[];
  cancel(key: BackendKey): void;
}

const MAX_SASL_BYTES = 4096;
const SCRAM = "SCRAM-SHA-256";
const SCRAM_PLUS = "SCRAM-SHA-256-PLUS";
/** The first byte of a TLS handshake. No startup packet begins with it: that would be 352 MB long. */
const TLS_HANDSHAKE = 0x16;

/** The client is told `code` and `message`, and that is its end. */
export class ClientRefusal extends Error {
  readonly code: SqlState;
  readonly hint: string | undefined;

  constructor(code: SqlState, text: string, hint?: string) {
    super(text);
    this.name = "ClientRefusal";
    this.code = code;
    this.hint = hint;
  }
}

/** Leads the client to the point where it waits for its session. Undefined where it wanted none (a cancel, or it hung up). Its socket is left paused. */
export async function greet(raw: Socket, options: HandshakeOptions, timeoutMs: number): Promise<Greeting | undefined> {
  const line: Line = { socket: raw, reader: createReader(raw, timeoutMs), endPoint: undefined, deadline: Date.now() + timeoutMs };
  try {
    const startup = await readStartup(line, options);
    if (!startup) return undefined;
    const hold = await authenticate(line, options, startup.endpoint, startup.user);
    line.socket.write(authentication(0));
    line.reader.release();
    return { ...startup, wire: Wire.adopt(line.socket, line.reader.rest()), ...(hold === undefined ? {} : { hold }) };
  } catch (error) {
    if (error instanceof HungUp) return undefined;
    if (!(error instanceof ClientRefusal)) throw error;
    farewell(line.socket, fatal(error.code, error.message, error.hint));
    return undefined;
  } finally {
    line.reader.release();
  }
}

/** What leads to the client: at first its socket, then perhaps TLS upon it. */
interface Line {
  socket: Socket;
  reader: Reader;
  /** Of our certificate, where there is TLS that can be bound to. */
  endPoint: Buffer | undefined;
  /** When the whole startup must be over, in ms since 1970. */
  deadline: number;
}

async function readStartup(line: Line, options: HandshakeOptions): Promise<Startup | undefined> {
  const asked = new Set<number>();
  let encrypted = false;
  if ((await line.reader.peek()) === TLS_HANDSHAKE) {
    await encrypt(line, options, true);
    encrypted = true;
  }
  for (;;) {
    const length = (await line.reader.read(4)).readUInt32BE();
    if (length < 8 || length > MAX_STARTUP_BYTES) throw new ClientRefusal("08P01", "invalid length of startup packet");
    const packet = await line.reader.read(length - 4);
    const code = packet.readUInt32BE();
    if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
      if (asked.has(code) || encrypted) throw new ClientRefusal("08P01", "encryption was asked for twice");
      asked.add(code);
      if (code === GSSENC_REQUEST) line.socket.write("N");
      else {
        // What came ahead of the handshake would be taken for a part of what it protects.
        if (line.reader.rest().length > 0) throw new ClientRefusal("08P01", "received unencrypted data after SSL request");
        line.socket.write("S");
        await encrypt(line, options, false);
        encrypted = true;
      }
      continue;
    }
    if (code === CANCEL_REQUEST) {
      // Also in the clear, as in PostgreSQL: older libraries know no other way.
      if (packet.length >= 12) options.cancel({ pid: packet.readUInt32BE(4), secret: packet.subarray(8) });
      line.socket.end();
      return undefined;
    }
    if (options.isStranger && !encrypted)
      throw new ClientRefusal("28000", "connections from other machines must be encrypted", "Connect with sslmode=require or stricter.");
    return startupOf(line.socket, code, packet.subarray(4), options);
  }
}

async function encrypt(line: Line, { encryption }: HandshakeOptions, direct: boolean): Promise<void> {
  const raw = line.socket;
  const leftMs = Math.max(line.deadline - Date.now(), 1);
  line.reader.release();
  if (line.reader.rest().length > 0) raw.unshift(line.reader.rest());
  const timer = setTimeout(() => raw.destroy(), leftMs);
  try {
    const { socket, endPoint } = await encryption.secure(raw, direct);
    Object.assign(line, { socket, endPoint, reader: createReader(socket, Math.max(line.deadline - Date.now(), 1)) });
  } catch {
    // It was told by TLS itself.
    raw.destroy();
    throw new HungUp("no TLS came about");
  } finally {
    clearTimeout(timer);
  }
}

function startupOf(socket: Socket, version: number, body: Buffer, options: HandshakeOptions): Startup {
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
  if (!options.isStranger && !options.knows(database)) throw new ClientRefusal("3D000", `database "${database}" does not exist`);
  return { endpoint: database as EndpointName, user, parameters };
}

/** Returns the hold whose credential was proved, if it was one's. */
async function authenticate(
  { socket, reader, endPoint }: Line,
  options: HandshakeOptions,
  endpoint: EndpointName,
  user: string,
): Promise<HoldId | undefined> {
  const wrong = (): ClientRefusal => new ClientRefusal("28P01", `password authentication failed for user "${user}"`);
  const mechanisms = endPoint ? [SCRAM_PLUS, SCRAM] : [SCRAM];
  socket.write(authentication(10, Buffer.from(`${mechanisms.join("\0")}\0\0`, "latin1")));
  const initial = await readSasl(reader);
  const end = initial.indexOf(0);
  const mechanism = initial.toString("latin1", 0, Math.max(end, 0));
  if (!mechanisms.includes(mechanism) || initial.length < end + 5) throw new ClientRefusal("08P01", "malformed SASL message");
  const exchange = beginScram(initial.toString("utf8", end + 5), options.credentials.salt(endpoint, user), {
    endPoint,
    chosen: mechanism === SCRAM_PLUS,
  });
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
  /** The next byte, which stays to be read. */
  peek(): Promise<number>;
  read(bytes: number): Promise<Buffer>;
  rest(): Buffer;
  release(): void;
}

/** Reads exact numbers of bytes; holds at most what one packet may have, and pauses the socket beyond. */
function createReader(socket: Socket, timeoutMs: number): Reader {
  let held: Buffer = Buffer.alloc(0);
  let failure: Error | undefined;
  let wanted: { bytes: number; keep: boolean; resolve(part: Buffer): void; reject(error: Error): void } | undefined;
  const settle = (): void => {
    if (!wanted) return;
    if (held.length >= wanted.bytes) {
      const part = held.subarray(0, wanted.bytes);
      if (!wanted.keep) held = held.subarray(wanted.bytes);
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
  const want = (bytes: number, keep: boolean): Promise<Buffer> => {
    if (wanted) throw new AdorableError({ code: "unexpected", remedy: "bug", message: "A startup is read twice at once." });
    return new Promise((resolve, reject) => {
      wanted = { bytes, keep, resolve, reject };
      settle();
    });
  };
  return {
    peek: async () => (await want(1, true))[0] ?? 0,
    read: (bytes) => want(bytes, false),
    rest: () => held,
    release() {
      clearTimeout(timer);
      socket.pause();
      socket.off("data", onData).off("end", onEnd).off("close", onEnd);
    },
  };
}
