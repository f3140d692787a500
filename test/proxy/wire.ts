/** A PostgreSQL client of bare messages, for what the drivers at hand never send. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Credential } from "../../src/database/database.ts";

export interface WireMessage {
  type: string;
  body: Buffer;
}

export interface WireClient {
  socket: Socket;
  /** Resolves with the next message; rejects when the connection ends first. */
  next(): Promise<WireMessage>;
  /** All messages up to the first of `type`, which is the last of them. */
  until(type: string): Promise<WireMessage[]>;
  send(...messages: Buffer[]): void;
  /** Resolves when the other end has closed. */
  closed: Promise<void>;
}

export function frame(type: string, ...parts: (Buffer | string | number)[]): Buffer {
  const body = Buffer.concat(parts.map(encode));
  const head = Buffer.alloc(5);
  head.write(type, "latin1");
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Text ends with a zero byte, a number takes two bytes. */
function encode(part: Buffer | string | number): Buffer {
  if (Buffer.isBuffer(part)) return part;
  if (typeof part === "string") return Buffer.from(`${part}\0`, "utf8");
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(part);
  return bytes;
}

/** A packet without a type: a startup, a cancel, a request for encryption. */
export function packet(code: number, ...parts: (Buffer | string | number)[]): Buffer {
  const body = Buffer.concat(parts.map(encode));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, body]);
}

export function startup(parameters: Record<string, string>, version = 196_608): Buffer {
  return packet(version, ...Object.entries(parameters).flat(), Buffer.from([0]));
}

export const SSL_REQUEST = packet(80_877_103);

export const sync = frame("S");
export const query = (sql: string): Buffer => frame("Q", sql);
export const parse = (name: string, sql: string): Buffer => frame("P", name, sql, 0);
export const execute = (portal = "", rows = 0): Buffer => frame("E", portal, Buffer.from(new Uint8Array([0, 0, rows >> 8, rows & 255])));
export const describeStatement = (name: string): Buffer => frame("D", Buffer.from("S"), name);
export const describePortal = (name: string): Buffer => frame("D", Buffer.from("P"), name);

/** Text parameters, text results. */
export function bind(portal: string, statement: string, ...values: string[]): Buffer {
  const encoded = values.map((value) => {
    const bytes = Buffer.from(value, "utf8");
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  });
  return frame("B", portal, statement, 0, values.length, ...encoded, 0);
}

/** The fields of an ErrorResponse or a NoticeResponse, by their letter. */
export function fields({ body }: WireMessage): Record<string, string> {
  return Object.fromEntries(
    body
      .toString("utf8")
      .split("\0")
      .filter((part) => part !== "")
      .map((part) => [part.charAt(0), part.slice(1)]),
  );
}

/** The columns of a DataRow as text. */
export function columns({ body }: WireMessage): (string | null)[] {
  const row: (string | null)[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : body.toString("utf8", at, at + length));
    at += Math.max(length, 0);
  }
  return row;
}

/** Types of the messages, one letter each. */
export const types = (messages: WireMessage[]): string => messages.map(({ type }) => type).join("");

/** Speaks upon a socket that is there already. */
export function speakOver(socket: Socket): WireClient {
  let held: Buffer = Buffer.alloc(0);
  const messages: WireMessage[] = [];
  const waiters: { resolve(message: WireMessage): void; reject(error: Error): void }[] = [];
  let ended = false;
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("data", (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 5) {
      const size = held.readUInt32BE(1) + 1;
      if (held.length < size) return;
      const message = { type: held.toString("latin1", 0, 1), body: held.subarray(5, size) };
      held = held.subarray(size);
      const waiter = waiters.shift();
      if (waiter) waiter.resolve(message);
      else messages.push(message);
    }
  });
  const onEnd = (): void => {
    ended = true;
    for (const waiter of waiters.splice(0)) waiter.reject(new Error("the connection has ended"));
  };
  socket.on("end", onEnd).on("close", onEnd);
  const next = (): Promise<WireMessage> => {
    const message = messages.shift();
    if (message) return Promise.resolve(message);
    if (ended) return Promise.reject(new Error("the connection has ended"));
    return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
  };
  return {
    socket,
    next,
    async until(type) {
      const all: WireMessage[] = [];
      for (;;) {
        const message = await next().catch((error: Error) => {
          const last = all.at(-1);
          throw last?.type === "E"
            ? Object.assign(error, { message: `${error.message}: ${fields(last)["M"]}`, fields: fields(last) })
            : error;
        });
        all.push(message);
        if (message.type === type) return all;
      }
    },
    send: (...parts) => void socket.write(Buffer.concat(parts)),
    closed,
  };
}

export async function dial(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return socket;
}

const salts = new Map<string, Buffer>();

/** Remembered: a thousand clients have one password. */
function saltedPassword(password: string, salt: string, rounds: number): Buffer {
  const known = salts.get(`${password} ${salt}`);
  if (known) return known;
  const made = pbkdf2Sync(password, Buffer.from(salt, "base64"), rounds, 32, "sha256");
  salts.set(`${password} ${salt}`, made);
  return made;
}

/** Says who it is; returns everything up to the first ReadyForQuery. Throws the server's error as its fields. */
export async function logIn(
  client: WireClient,
  { user, password, database }: Credential,
  parameters: Record<string, string> = {},
  binding?: { endPoint: Buffer; mechanism: string },
): Promise<WireMessage[]> {
  client.send(startup({ user, database, ...parameters }));
  await expectType(client, "R");
  const nonce = randomBytes(18).toString("base64");
  const header = binding ? "p=tls-server-end-point,," : "n,,";
  const first = Buffer.from(`${header}n=,r=${nonce}`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(first.length);
  client.send(frame("p", binding?.mechanism ?? "SCRAM-SHA-256", length, first));
  const serverFirst = (await expectType(client, "R")).body.toString("utf8", 4);
  const [, fullNonce = "", salt = "", rounds = "0"] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
  const salted = saltedPassword(password, salt, Number(rounds));
  const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const stored = createHash("sha256").update(clientKey).digest();
  const bound = Buffer.concat([Buffer.from(header), binding?.endPoint ?? Buffer.alloc(0)]).toString("base64");
  const final = `c=${bound},r=${fullNonce}`;
  const signature = hmac(stored, `n=,r=${nonce},${serverFirst},${final}`);
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))).toString("base64");
  client.send(frame("p", Buffer.from(`${final},p=${proof}`)));
  await expectType(client, "R");
  return client.until("Z");
}

async function expectType(client: WireClient, type: string): Promise<WireMessage> {
  const message = await client.next();
  if (message.type === type) return message;
  throw Object.assign(new Error(`a "${message.type}" in the place of a "${type}"`), {
    fields: message.type === "E" ? fields(message) : {},
  });
}
