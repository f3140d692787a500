import { describe, expect, test } from "vitest";
import { message, simpleQuery } from "./messages.ts";
import { MalformedStream, ProtocolState } from "./protocol.ts";

const empty = (type: string): Buffer => message(type, Buffer.alloc(0));
const extended = Buffer.concat([message("P", Buffer.from("\0select 1\0\0\0")), empty("B"), empty("E"), empty("S")]);
const ready = (status: string): Buffer => message("Z", Buffer.from(status));
const always = (): boolean => true;
const never = (): boolean => false;
const ignore = (): void => {};

/** Gives the bytes one by one, as the worst network would. */
function drip(state: ProtocolState, bytes: Buffer): void {
  for (const byte of bytes) state.fromServer(Buffer.from([byte]), ignore);
}

describe("a session is quiet", () => {
  test("only when every Query and every Sync has its answer and no transaction is open", () => {
    const state = new ProtocolState();
    expect(state.quiet).toBe(true);
    state.fromClient(Buffer.concat([simpleQuery("begin"), extended]), always);
    expect(state.quiet).toBe(false);
    state.fromServer(ready("T"), ignore);
    expect(state.quiet).toBe(false);
    state.fromServer(ready("T"), ignore);
    expect(state.quiet).toBe(false);
    state.fromClient(simpleQuery("commit"), always);
    drip(state, Buffer.concat([message("C", Buffer.from("COMMIT\0")), ready("I")]));
    expect(state.quiet).toBe(true);
    expect(state.serverBetweenMessages).toBe(true);
  });

  test("not while a batch is half sent, nor a message", () => {
    const state = new ProtocolState();
    state.fromClient(extended.subarray(0, extended.length - 5), always);
    expect(state.quiet).toBe(false);
    state.fromClient(empty("S"), always);
    state.fromServer(ready("I"), ignore);
    expect(state.quiet).toBe(true);
    const query = simpleQuery("select 1");
    state.fromClient(query.subarray(0, 8), always);
    state.fromServer(ready("I"), ignore);
    expect(state.quiet).toBe(false);
  });

  test("after copy data by Query, however it ends", () => {
    for (const end of ["c", "f"]) {
      const state = new ProtocolState();
      state.fromClient(simpleQuery("copy t from stdin"), always);
      state.fromServer(empty("G"), ignore);
      state.fromClient(Buffer.concat([message("d", Buffer.from("1\n")), empty(end)]), never);
      expect(state.quiet).toBe(false);
      state.fromServer(ready("I"), ignore);
      expect(state.quiet).toBe(true);
    }
  });

  test("after copy data by extended messages, whose first Sync is never answered", () => {
    const state = new ProtocolState();
    state.fromClient(extended, always);
    state.fromServer(empty("G"), ignore);
    expect(state.quiet).toBe(false);
    state.fromClient(Buffer.concat([message("d", Buffer.from("1\n")), empty("S"), empty("c"), empty("S")]), never);
    expect(state.quiet).toBe(false);
    state.fromServer(ready("I"), ignore);
    expect(state.quiet).toBe(true);
  });
});

describe("a gate that is shut", () => {
  test("lets a batch end and stops the next at its first byte", () => {
    const state = new ProtocolState();
    state.fromClient(extended.subarray(0, 10), always);
    const next = simpleQuery("select 2");
    expect(state.fromClient(Buffer.concat([extended.subarray(10), next]), never)).toEqual(extended.subarray(10));
    expect(state.rest).toEqual(next);
  });

  test("keeps back a header that is not whole, and loses nothing of it on another connection", () => {
    const state = new ProtocolState();
    const query = simpleQuery("select 1");
    expect(state.fromClient(query.subarray(0, 3), always).length).toBe(0);
    expect(state.quiet).toBe(true);
    expect(state.clientBetweenMessages).toBe(false);
    const moved = ProtocolState.after(state);
    expect(moved.fromClient(query.subarray(3), always)).toEqual(query);
  });

  test("does not keep a client from going", () => {
    const state = new ProtocolState();
    expect(state.fromClient(empty("X"), never).length).toBe(0);
    expect(state.goodbye).toBe(true);
  });
});

test("a message with an impossible length is malformed", () => {
  for (const length of [0, 3, 0xffffffff]) {
    const bytes = Buffer.from("Q0000");
    bytes.writeUInt32BE(length, 1);
    expect(() => new ProtocolState().fromClient(bytes, always)).toThrow(MalformedStream);
  }
});

test.each([
  ["select set_config('shop.tenant', '7', false)", true],
  ["SET shop.tenant = 7", true],
  ['set session "shop".tenant to 7', true],
  ["update entries set n = excluded.n", false],
  ["select 1 offset 3", false],
  ["/* first */ SET /* hidden */ shop.tenant = 7", true],
  ["set shop -- hidden\n.tenant = 7", true],
  ["set local shop.tenant = 7", false],
])("%s may set a parameter of the application's own: %s, in one piece and in many", (sql, expected) => {
  const bytes = Buffer.concat([simpleQuery("select 1"), simpleQuery(sql), simpleQuery("select 2")]);
  for (let size = 1; size <= bytes.length; size++) {
    const state = new ProtocolState();
    for (let at = 0; at < bytes.length; at += size) state.fromClient(bytes.subarray(at, at + size), always);
    expect({ size, found: state.customSettings }).toEqual({ size, found: expected });
  }
});
