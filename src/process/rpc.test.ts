import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AdorableError } from "../core/errors.ts";
import { connectRpc, serveRpc, type RpcServer } from "./rpc.ts";

class Counter {
  #count = 0;
  async add(by: number, note?: string): Promise<{ count: number; note: string | undefined }> {
    this.#count += by;
    return { count: this.#count, note };
  }
  async nothing(): Promise<void> {}
  async refuse(): Promise<void> {
    throw new AdorableError({
      code: "counter-full",
      remedy: "author",
      message: 'The counter "x" is full.',
      hint: "Empty it.",
      details: { limit: 3 },
    });
  }
  async fail(): Promise<void> {
    throw new TypeError("broken");
  }
  async slow(gate: string): Promise<string> {
    await new Promise<void>((resolve) => void (this.waiting = resolve));
    return gate;
  }
  waiting: () => void = () => {};
}

let dir: string;
let path: string;
let counter: Counter;
let server: RpcServer;
let remote: Counter;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "rpc-"));
  path = join(dir, "s");
  counter = new Counter();
  server = await serveRpc(path, { counter });
  remote = connectRpc<Counter>(path, "counter", { connectTimeoutMs: 200 });
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

test("calls pass arguments and results, many at a time and out of order", async () => {
  const slow = remote.slow("late");
  expect(await Promise.all([remote.add(1, "a"), remote.add(2)])).toEqual([{ count: 1, note: "a" }, { count: 3 }]);
  expect(await remote.nothing()).toBeUndefined();
  counter.waiting();
  expect(await slow).toBe("late");
  expect(await Promise.resolve(remote)).toBe(remote);
});

test("what the service throws on purpose arrives whole; anything else is a bug with its message", async () => {
  await expect(remote.refuse()).rejects.toMatchObject({
    code: "counter-full",
    remedy: "author",
    message: 'The counter "x" is full.',
    hint: "Empty it.",
    details: { limit: 3 },
  });
  await expect(remote.fail()).rejects.toMatchObject({ code: "unexpected", remedy: "bug", message: "broken" });
  const other = connectRpc<{ add(): Promise<void>; toString(): string }>(path, "nobody");
  await expect(other.add()).rejects.toMatchObject({ code: "call-unknown" });
  await expect((remote as unknown as { hasOwnProperty(): Promise<void> }).hasOwnProperty()).rejects.toMatchObject({ code: "call-unknown" });
});

test("a lost connection fails the calls that were sent, and the next call finds the new server", async () => {
  const pending = remote.slow("never");
  await remote.add(1);
  await server.close();
  await expect(pending).rejects.toMatchObject({ code: "edge-unreachable", remedy: "wait", details: { sent: true } });
  await expect(remote.add(1)).rejects.toMatchObject({ code: "edge-unreachable", details: { sent: false } });
  server = await serveRpc(path, { counter });
  expect(await remote.add(1)).toMatchObject({ count: 2 });
});

test("a call that takes too long fails, and leaves the connection to the others", async () => {
  const hasty = connectRpc<Counter>(path, "counter", { callTimeoutMs: 50 });
  await expect(hasty.slow("x")).rejects.toMatchObject({ code: "edge-timeout", remedy: "wait" });
  expect(await hasty.add(5)).toMatchObject({ count: 5 });
});

test("the socket is private, a dead one is replaced, a live one is not", async () => {
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await expect(serveRpc(path, {})).rejects.toMatchObject({ code: "socket-in-use" });
  await server.close();
  await writeFile(path, "");
  await chmod(path, 0o600);
  server = await serveRpc(path, { counter });
  expect(await remote.add(1)).toMatchObject({ count: 1 });
});

test("what is no request ends that connection only", async () => {
  const socket = createConnection({ path });
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.write("GET / HTTP/1.1\n");
  await ended;
  expect(await remote.add(1)).toMatchObject({ count: 1 });
});
