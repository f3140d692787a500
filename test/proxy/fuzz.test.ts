/**
 * Clients that mean no good, or never learned the protocol: whatever they send, others go on, and the proxy's memory stays bounded.
 *
 * Seeded: `PROXY_FUZZ_SEED`, `PROXY_FUZZ_ROUNDS` (default 200). `PROXY_FUZZ_IDLE` of the 1,000 idle clients have logged in (default 100).
 */
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EndpointName } from "../../src/core/ids.ts";
import type { Credential } from "../../src/database/database.ts";
import { generator } from "../support/kill-points.ts";
import { openPlace, type Place } from "./place.ts";
import { dial, frame, logIn, packet, parse, query, speakOver, SSL_REQUEST, startup, sync } from "./wire.ts";

const seed = Number(process.env["PROXY_FUZZ_SEED"] ?? 20_261_121);
const rounds = Number(process.env["PROXY_FUZZ_ROUNDS"] ?? 200);
const loggedIn = Number(process.env["PROXY_FUZZ_IDLE"] ?? 100);
const MB = 1024 * 1024;
const random = generator(seed);
const upTo = (limit: number): number => Math.floor(random() * limit);
const pick = <T>(all: readonly [T, ...T[]]): T => all[upTo(all.length)] ?? all[0];

let place: Place;
let name: EndpointName;
let credential: Credential;
let baseline: number;
/** A client that behaves: what it asked, what it was answered, how long the slowest answer took. */
const good = { asked: 0, answered: 0, slowestMs: 0, going: true, done: Promise.resolve() };

beforeAll(async () => {
  place = await openPlace({ maxClients: 1500 });
  ({ name } = await place.newEndpoint());
  credential = await place.database.credential(name, "app");
  const client = await place.connect(name);
  baseline = await place.residentBytes();
  good.done = (async () => {
    while (good.going) {
      const at = performance.now();
      good.asked++;
      const { rows } = await client.query<{ n: number }>("select $1::int as n", [good.asked]);
      if (rows[0]?.n === good.asked) good.answered++;
      good.slowestMs = Math.max(good.slowestMs, performance.now() - at);
      await delay(2);
    }
    await client.end();
  })();
});
afterAll(async () => {
  good.going = false;
  await good.done;
  expect(await place.complaints()).toEqual([]);
  await place.close();
});

/** Others go on while `work` runs. */
async function undisturbed(work: () => Promise<void>): Promise<void> {
  const before = good.answered;
  await work();
  await expect.poll(() => good.answered, { timeout: 20_000 }).toBeGreaterThan(before + 1);
  expect(good.asked - good.answered).toBeLessThanOrEqual(1);
}

const noise = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, () => upTo(256)));

function mutated(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let n = 1 + upTo(4); n > 0; n--) copy[upTo(copy.length)] = upTo(256);
  return copy;
}

async function drip(socket: Socket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    if (socket.destroyed) return;
    socket.write(Buffer.from([byte]));
    await delay(1);
  }
}

const hello = (): Buffer => startup({ user: "app", database: name, [`option_${upTo(9)}`]: "x".repeat(upTo(300)) });
const oversized = (): Buffer => {
  const bytes = Buffer.alloc(8 + upTo(20_000));
  bytes.writeUInt32BE(pick([0, 3, 7, 10_001, 0x7fffffff, 0xffffffff]));
  bytes.writeUInt32BE(196_608, 4);
  return bytes;
};
/** What a client may send after it has logged in that no PostgreSQL client would. */
const nonsense = (): Buffer => {
  const bytes = noise(1 + upTo(2000));
  const enormous = Buffer.from("Q\x3f\xff\xff\xff select", "latin1");
  return pick([
    bytes,
    mutated(query("select 1")),
    mutated(Buffer.concat([parse("", "select 1"), sync])),
    enormous,
    frame("d", bytes),
    frame("c"),
    frame("B", bytes),
  ]);
};

const BEFORE_LOGIN: readonly [() => Buffer, ...(() => Buffer)[]] = [
  () => noise(upTo(3000)),
  () => mutated(hello()),
  () => hello().subarray(0, upTo(40)),
  oversized,
  () => Buffer.concat([SSL_REQUEST, noise(upTo(200))]),
  () => Buffer.concat([Buffer.from([0x16, 3, 1]), noise(upTo(500))]),
  () => Buffer.concat([packet(80_877_104), packet(80_877_104)]),
  () => packet(80_877_102, noise(upTo(300))),
  () => Buffer.concat([hello(), frame("p", "SCRAM-SHA-256", noise(upTo(5000)))]),
  () => Buffer.concat([hello(), noise(upTo(5000))]),
];

/** One client that comes, offends and goes. */
async function offend(): Promise<void> {
  const socket = await dial(place.host, place.port);
  socket.on("error", () => {}).resume();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const way = upTo(10);
  if (way < 6) {
    const bytes = pick(BEFORE_LOGIN)();
    if (way === 0) await drip(socket, bytes.subarray(0, 60));
    else socket.write(bytes);
  } else {
    const client = speakOver(socket);
    await logIn(client, credential);
    for (let n = 1 + upTo(3); n > 0; n--) client.send(nonsense());
  }
  // Half-open, gone without a word, or gone with a good-bye.
  const end = upTo(3);
  if (end === 0) socket.end();
  else if (end === 1) socket.resetAndDestroy();
  await Promise.race([closed, delay(upTo(40))]);
  socket.destroy();
}

test(`clients that send anything disturb nobody (seed ${seed}, ${rounds} rounds)`, { timeout: 60_000 + rounds * 500 }, async () => {
  await undisturbed(async () => {
    let left = rounds;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (left-- > 0) await offend();
      }),
    );
  });
  expect((await place.residentBytes()) - baseline).toBeLessThan(96 * MB);
});

test(
  "a thousand idle clients cost little, and those without a place at the compute work when they want to",
  { timeout: 60_000 + loggedIn * 200 },
  async () => {
    const sockets: Socket[] = [];
    const before = await place.residentBytes();
    await undisturbed(async () => {
      let left = loggedIn;
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          while (left-- > 0) {
            const socket = await dial(place.host, place.port);
            sockets.push(socket);
            await logIn(speakOver(socket), credential);
          }
        }),
      );
      for (let n = loggedIn; n < 1000; n++) sockets.push(await dial(place.host, place.port));
    });
    expect(sockets.filter((socket) => socket.destroyed)).toEqual([]);
    const [first] = sockets;
    if (first) {
      const client = speakOver(first);
      client.send(query("select 1"));
      expect((await client.until("Z")).map(({ type }) => type).join("")).toBe("TDCZ");
    }
    expect((await place.residentBytes()) - before).toBeLessThan(64 * MB);
    for (const socket of sockets) socket.destroy();
  },
);

test("who reads slowly or not at all makes the compute wait, not the proxy's memory grow", async () => {
  for (const secured of [false, true]) {
    const raw = await dial(place.host, place.port);
    raw.on("error", () => {});
    if (secured) {
      raw.write(SSL_REQUEST);
      await new Promise((resolve) => raw.once("data", resolve));
    }
    const socket = secured ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw;
    const client = speakOver(socket);
    await logIn(client, credential);
    const before = await place.residentBytes();
    socket.removeAllListeners("data");
    socket.pause();
    const [rowsAsked, size] = [60, 1_000_000];
    await undisturbed(async () => {
      client.send(query(`select repeat('x', ${size}) from generate_series(1, ${rowsAsked})`));
      const other = await place.connect(name);
      const waits = "select count(*)::int as n from pg_stat_activity where wait_event = 'ClientWrite'";
      await expect.poll(async () => (await other.query<{ n: number }>(waits)).rows[0]?.n, { timeout: 20_000 }).toBe(1);
      await other.end();
    });
    expect((await place.residentBytes()) - before).toBeLessThan(24 * MB);
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => void (bytes += chunk.length));
    socket.resume();
    await expect.poll(() => bytes, { timeout: 30_000 }).toBeGreaterThan(rowsAsked * size);
    socket.destroy();
  }
});

test("a server that takes nothing makes the client wait", async () => {
  const locker = await place.connect(name);
  await locker.query("begin");
  await locker.query("lock note in access exclusive mode");
  const client = speakOver(await dial(place.host, place.port));
  await logIn(client, credential);
  const before = await place.residentBytes();
  client.send(query(`select 1 from note where number::text = '${createHash("sha256").update("x").digest("hex")}'`));
  const chunk = frame("Q", `select '${"y".repeat(MB)}'`);
  await undisturbed(async () => {
    for (let n = 0; n < 40; n++) client.send(chunk);
    await delay(200);
  });
  expect(client.socket.writableLength).toBeGreaterThan(20 * MB);
  expect((await place.residentBytes()) - before).toBeLessThan(24 * MB);
  await locker.query("rollback");
  await locker.end();
  client.socket.destroy();
});
