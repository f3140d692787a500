/** TLS at the proxy, asked for in every way that PostgreSQL knows, by real clients. */
import { X509Certificate } from "node:crypto";
import { execFile, spawnSync } from "node:child_process";
import { lookup } from "node:dns/promises";
import { readFile, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { Client, type ClientConfig } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EndpointName } from "../../src/core/ids.ts";
import { makeCertificate } from "../../src/database/proxy/certificate.ts";
import { endPointOf } from "../../src/database/proxy/encryption.ts";
import { openProxiedDatabase, type ProxiedDatabase } from "../support/proxied-database.ts";
import { dial, fields, frame, logIn, packet, query, speakOver, SSL_REQUEST, startup, types } from "./wire.ts";

const run = promisify(execFile);
const has = (command: string): boolean => spawnSync(command, ["--version"]).status === 0;
/** An address of this machine that others could reach. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === "IPv4" && !each.internal)?.address;

const isNamed = await lookup(hostname()).then(
  () => true,
  () => false,
);

let made: ProxiedDatabase;
let name: EndpointName;
let authority: string;
beforeAll(async () => {
  made = await openProxiedDatabase(outside === undefined ? {} : { host: outside });
  ({ name } = await made.newEndpoint());
  authority = join(made.dir, "certificate.pem");
});
afterAll(async () => {
  expect(made.complaints).toEqual([]);
  await made[Symbol.asyncDispose]();
});

async function ask(config: ClientConfig): Promise<unknown> {
  const { host, port, database, user, password } = await made.proxy.credential(name, "app");
  const client = new Client({ host, port, database, user, password, ...config });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query("select 1 as one")).rows;
  } finally {
    await client.end();
  }
}

async function psql(parameters: Record<string, string>, sql = "select 1"): Promise<string> {
  const { dsn } = await made.proxy.credential(name, "app");
  const address = new URL(dsn);
  for (const [key, value] of Object.entries(parameters)) address.searchParams.set(key, value);
  const { stdout } = await run("psql", ["--no-psqlrc", "-At", "-c", sql, address.href], { timeout: 10_000 });
  return stdout.trim();
}

describe("a client that asks for TLS", () => {
  test("gets it from a certificate that says this machine's names, and can trust a copy of it", async () => {
    const ca = await readFile(authority, "utf8");
    expect(await ask({ ssl: { ca } })).toEqual([{ one: 1 }]);
    expect(await ask({ ssl: { ca }, host: "localhost" })).toEqual([{ one: 1 }]);
    expect(await ask({ ssl: { ca }, sslnegotiation: "direct" } as ClientConfig)).toEqual([{ one: 1 }]);
    expect(await ask({ ssl: { ca }, enableChannelBinding: true } as ClientConfig)).toEqual([{ one: 1 }]);
    await expect(ask({ ssl: true })).rejects.toThrow("self-signed certificate");
    const { mode } = await stat(join(made.dir, "tls.pem"));
    expect(mode & 0o777).toBe(0o600);
    expect(await readFile(authority, "utf8")).not.toContain("PRIVATE");
  });

  test.skipIf(!has("psql"))("is psql, with every sslmode and with its channel bound", async () => {
    for (const parameters of [
      { sslmode: "disable" },
      { sslmode: "prefer" },
      { sslmode: "require" },
      { sslmode: "require", channel_binding: "require" },
      { sslmode: "verify-full", sslrootcert: authority, channel_binding: "require" },
      { sslmode: "prefer", gssencmode: "prefer" },
    ]) {
      expect({ parameters, answer: await psql(parameters) }).toEqual({ parameters, answer: "1" });
    }
    await expect(psql({ sslmode: "disable", channel_binding: "require" })).rejects.toThrow("channel binding");
  });

  test("speaks TLS from the first byte with PostgreSQL's name in it, or not at all", async () => {
    const { host, port } = made.proxy;
    const direct = (options: object): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectTls({ host, port, rejectUnauthorized: false, ...options }, () => socket.write(startup({ user: "app" })));
        socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1", 0, 1))).once("error", () => resolve("refused"));
        socket.once("close", () => resolve("closed"));
      });
    expect(await direct({ ALPNProtocols: ["postgresql"] })).toBe("E");
    expect(["refused", "closed"]).toContain(await direct({ ALPNProtocols: ["h2"] }));
    expect(["refused", "closed"]).toContain(await direct({}));
    expect(["refused", "closed"]).toContain(await direct({ ALPNProtocols: ["postgresql"], maxVersion: "TLSv1.1" }));
  });

  test("has what it sent ahead of the handshake refused, and a second request too", async () => {
    const { host, port } = made.proxy;
    const ahead = speakOver(await dial(host, port));
    ahead.send(SSL_REQUEST, startup({ user: "app", database: name }));
    expect(fields(await ahead.next())).toMatchObject({ C: "08P01", M: "received unencrypted data after SSL request" });
    await ahead.closed;

    const plain = await dial(host, port);
    plain.write(SSL_REQUEST);
    await new Promise((resolve) => plain.once("data", resolve));
    const secured = speakOver(connectTls({ socket: plain, rejectUnauthorized: false }));
    secured.send(SSL_REQUEST);
    expect(fields(await secured.next())).toMatchObject({ C: "08P01" });
  });

  test("gets no encryption by Kerberos, and goes on as it likes", async () => {
    const { host, port } = made.proxy;
    const socket = await dial(host, port);
    socket.write(packet(80_877_104));
    expect((await new Promise<Buffer>((resolve) => socket.once("data", resolve))).toString()).toBe("N");
    socket.removeAllListeners("data");
    const client = speakOver(socket);
    expect(types(await logIn(client, await made.proxy.credential(name, "app")))).toMatch(/^RS+KZ$/);
    client.send(frame("X"));
    await client.closed;
  });
});

describe("a password exchange that is bound to the channel", () => {
  async function secured(): Promise<{ client: ReturnType<typeof speakOver>; endPoint: Buffer }> {
    const { host, port } = made.proxy;
    const socket = connectTls({ host, port, rejectUnauthorized: false, ALPNProtocols: ["postgresql"] });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    const endPoint = endPointOf(new X509Certificate(socket.getPeerCertificate().raw));
    if (!endPoint) throw new Error("no end point");
    return { client: speakOver(socket), endPoint };
  }

  test("is good with the certificate that the client saw, and with no other", async () => {
    const credential = await made.proxy.credential(name, "app");
    const good = await secured();
    await logIn(good.client, credential, {}, { endPoint: good.endPoint, mechanism: "SCRAM-SHA-256-PLUS" });
    good.client.socket.destroy();
    const other = await secured();
    const between = logIn(other.client, credential, {}, { endPoint: Buffer.alloc(32), mechanism: "SCRAM-SHA-256-PLUS" });
    await expect(between).rejects.toMatchObject({ fields: { C: "28P01" } });
    const mixed = await secured();
    const wrong = logIn(mixed.client, credential, {}, { endPoint: mixed.endPoint, mechanism: "SCRAM-SHA-256" });
    await expect(wrong).rejects.toMatchObject({ fields: { C: "08P01" } });
  });

  test("is offered on TLS only, and a client from whom the offer was hidden is refused", async () => {
    const { host, port } = made.proxy;
    const { user, database } = await made.proxy.credential(name, "app");
    const plain = speakOver(await dial(host, port));
    plain.send(startup({ user, database }));
    expect((await plain.next()).body.toString("latin1", 4)).toBe("SCRAM-SHA-256\0\0");
    plain.socket.destroy();
    const { client } = await secured();
    client.send(startup({ user, database }));
    expect((await client.next()).body.toString("latin1", 4)).toBe("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
    const first = Buffer.from("y,,n=,r=abcdefghijklmnop");
    client.send(frame("p", "SCRAM-SHA-256", Buffer.from([0, 0, 0, first.length]), first));
    expect(fields(await client.next())).toMatchObject({ C: "08P01" });
  });
});

describe.skipIf(outside === undefined)("a client on another machine", () => {
  test("gets in with TLS only; this machine's own processes need none", async () => {
    const far = outside ?? "";
    expect(made.proxy.host).toBe("127.0.0.1");
    expect(await ask({})).toEqual([{ one: 1 }]);
    await expect(ask({ host: far })).rejects.toMatchObject({ code: "28000", hint: expect.stringContaining("sslmode=require") });
    expect(await ask({ host: far, ssl: { ca: await readFile(authority, "utf8") } })).toEqual([{ one: 1 }]);
  });

  test("is not told which databases there are before it has shown a password", async () => {
    const ssl = { ca: await readFile(authority, "utf8") };
    const wrong = { code: "28P01", message: 'password authentication failed for user "app"' };
    await expect(ask({ host: outside, ssl, password: "guessed" })).rejects.toMatchObject(wrong);
    await expect(ask({ host: outside, ssl, password: "guessed", database: "nowhere" })).rejects.toMatchObject(wrong);
    await expect(ask({ database: "nowhere" })).rejects.toMatchObject({ code: "3D000" });
  });

  test("takes no place from this machine's own while it has said nothing", async () => {
    await made.restartProxy({ maxStrangers: 2, maxClients: 4 });
    const { port } = made.proxy;
    const ssl = { ca: await readFile(authority, "utf8") };
    const silent = [await dial(outside ?? "", port), await dial(outside ?? "", port)];
    await expect(ask({ host: outside, ssl })).rejects.toThrow();
    expect(await ask({})).toEqual([{ one: 1 }]);
    for (const each of silent) each.destroy();
    await expect.poll(() => ask({ host: outside, ssl }).catch(() => undefined)).toEqual([{ one: 1 }]);
    await made.restartProxy();
  });
});

test.skipIf(!isNamed)("this machine's name is an address to listen on, also where it means loopback", async () => {
  await made.restartProxy({ host: hostname() });
  expect(await ask({ host: made.proxy.host })).toEqual([{ one: 1 }]);
  await expect(made.restartProxy({ host: "no-such-machine.invalid" })).rejects.toMatchObject({ code: "address-unusable" });
  await made.restartProxy();
});

describe("the operator's certificate", () => {
  test("is what clients see; a pair that does not fit starts nothing", async () => {
    const day = 86_400_000;
    const one = makeCertificate(["db.example.org"], new Date(Date.now() - day), new Date(Date.now() + day));
    const two = makeCertificate(["db.example.org"], new Date(Date.now() - day), new Date(Date.now() + day));
    const files = { certificateFile: join(made.dir, "given.pem"), keyFile: join(made.dir, "given.key") };
    await writeFile(files.certificateFile, one.certificate);
    await writeFile(files.keyFile, two.key);
    await expect(made.restartProxy({ certificate: files })).rejects.toMatchObject({ code: "tls-unusable", remedy: "operator" });
    await writeFile(files.keyFile, one.key);
    await utimes(files.keyFile, 1, 1);
    await made.restartProxy({ certificate: files });
    expect(await ask({ ssl: { ca: one.certificate, servername: "db.example.org", checkServerIdentity: () => undefined } })).toEqual([
      { one: 1 },
    ]);
    await made.restartProxy();
    expect(await ask({ ssl: { ca: await readFile(authority, "utf8") } })).toEqual([{ one: 1 }]);
  });
});

test("who takes too long to say who it is, in the clear or in the middle of a TLS handshake, is sent away", async () => {
  await made.restartProxy({ startupMs: 300 });
  const { host, port } = made.proxy;
  const silent = speakOver(await dial(host, port));
  expect(fields(await silent.next())).toMatchObject({ C: "08P01" });
  await silent.closed;
  for (const first of [SSL_REQUEST, Buffer.from([0x16, 3, 1, 2, 0, 1])]) {
    const half = await dial(host, port);
    half.on("error", () => {}).resume();
    half.write(first);
    await new Promise((resolve) => half.once("close", resolve));
  }
  await made.restartProxy();
});

test("a query of many megabytes and its answer pass through TLS unchanged", async () => {
  const { host, port } = made.proxy;
  const socket = connectTls({ host, port, rejectUnauthorized: false, ALPNProtocols: ["postgresql"] });
  const client = speakOver(socket);
  await logIn(client, await made.proxy.credential(name, "app"));
  const text = "x".repeat(4_000_000);
  client.send(query(`select '${text}'`));
  const row = (await client.until("Z")).find(({ type }) => type === "D");
  expect(row?.body.toString("latin1", 6) === text).toBe(true);
  socket.destroy();
});
