/**
 * One client's session: its bytes to a backend and back, and the moments at which it can be stopped, moved or let sleep.
 *
 * | state    | invariant                                                        | exits                       |
 * |----------|------------------------------------------------------------------|-----------------------------|
 * | waiting  | no backend, wants one; the client's bytes wait                   | attached, closed            |
 * | attached | bytes flow, but no batch begins while the endpoint's gate is shut | asked, closed               |
 * | asked    | the backend is asked what state it holds; the client's bytes wait | attached, detached, closed  |
 * | detached | no backend, and the client does not know                         | waiting, closed             |
 * | closed   | the client was told; the backend is gone or going                |                             |
 */
import type { HoldId, TimelineId } from "../../core/ids.ts";
import { type Backend, BackendRefusal } from "./backend.ts";
import { farewell } from "./farewell.ts";
import { ClientRefusal, type Greeting } from "./handshake.ts";
import { type BackendKey, backendKeyData, fatal, parameterStatus, readyForQuery, type SqlState } from "./messages.ts";
import { MalformedStream, ProtocolState } from "./protocol.ts";
import { sessionStateQuery } from "./session-state.ts";
import { within } from "./within.ts";
import type { Wire } from "./wire.ts";

/** What a session needs of its endpoint. */
export interface SessionHost {
  /** A backend for the session, once the gate is open and the compute awake. Throws `ClientRefusal` or `BackendRefusal`. */
  connect(session: Session): Promise<{ backend: Backend; timeline: TimelineId }>;
  /** May the session begin a batch now? */
  isOpen(session: Session): boolean;
  /** Is `timeline` where the session belongs? */
  isCurrent(timeline: TimelineId): boolean;
  /** The session came to rest at a transaction boundary, or waits at the gate. */
  settled(session: Session): void;
  /** Hangs up on a backend and keeps account of it; returns when its process runs nothing any more: never, where the server does not answer. */
  leave(timeline: TimelineId, backend: Backend): Promise<void>;
  ended(session: Session): void;
  /** Something failed that nobody expected; the client has been told. */
  unexpected(error: unknown): void;
}

const QUESTION_TIMEOUT_MS = 3000;
/** Where the session ends in any case if it holds state, and others wait. */
const FORCED_QUESTION_TIMEOUT_MS = 1500;
/** How long a place at the server that was given away may take to become free. */
const GIVE_WAY_MS = 1000;
/** The type of the message with which a client ends its session. */
const GOODBYE = "X".charCodeAt(0);

export class Session {
  readonly user: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly hold: HoldId | undefined;
  readonly key: BackendKey;
  readonly client: Wire;
  /** The last moment at which bytes passed, in ms since 1970. */
  activeAt = Date.now();
  /** Since when it is away from transaction boundaries, in ms since 1970; undefined at one. */
  busySince: number | undefined;
  state: "waiting" | "attached" | "asked" | "detached" | "closed" = "waiting";
  backend: Backend | undefined;
  timeline: TimelineId | undefined;
  #host: SessionHost;
  #protocol = new ProtocolState();
  #pending: Buffer | undefined;
  /** What the client was told of the server's parameters; undefined until it was told. */
  #told: Map<string, string> | undefined;
  #asking: Promise<boolean> | undefined;
  #unhook: () => void = () => {};

  constructor(greeting: Greeting, key: BackendKey, host: SessionHost) {
    this.client = greeting.wire;
    this.user = greeting.user;
    this.parameters = greeting.parameters;
    this.hold = greeting.hold;
    this.key = key;
    this.#host = host;
    const { socket } = this.client;
    socket.on("drain", () => {
      if (this.state === "attached") this.backend?.wire.socket.resume();
    });
    socket.on("close", () => this.#leave());
    socket.on("end", () => this.#leave());
    this.client.start((bytes) => this.#fromClient(bytes));
  }

  /** True where nothing that the client sent is under way and no transaction is open. */
  get atBoundary(): boolean {
    return this.state !== "attached" || this.#protocol.quiet;
  }

  /** True where the client waits for the gate. */
  get isParked(): boolean {
    return this.state === "waiting" || (this.state === "attached" && this.#pending !== undefined && this.#protocol.quiet);
  }

  /** True where a cancel can only mean what the client itself runs. */
  get isBusy(): boolean {
    return this.state === "attached" && !this.#protocol.quiet;
  }

  /** Gets a backend, tells the client, and lets it begin. */
  async attach(): Promise<void> {
    this.state = "waiting";
    try {
      for (;;) {
        const { backend, timeline } = await this.#host.connect(this);
        if (this.#isClosed()) {
          void this.#host.leave(timeline, backend);
          return;
        }
        if (this.#host.isOpen(this) && this.#host.isCurrent(timeline)) {
          this.#adopt(backend, timeline);
          return;
        }
        void this.#host.leave(timeline, backend);
      }
    } catch (error) {
      if (error instanceof BackendRefusal) this.#close(error.frame);
      else if (error instanceof ClientRefusal) this.fail(error.code, error.message, error.hint);
      else {
        this.fail("XX000", "the proxy failed to open the session");
        this.#host.unexpected(error);
      }
    }
  }

  /** Goes on with what waits, after the gate has opened or the route has changed. */
  kick(): void {
    if (this.#pending === undefined || this.state !== "attached") return;
    const bytes = this.#pending;
    this.#pending = undefined;
    this.#forward(bytes);
    if (this.#pending === undefined && !this.backend?.wire.isFull) this.client.socket.resume();
  }

  /**
   * Frees the backend of a session at a boundary: unnoticed where it holds no state, else by closing the session (57P01). False where the session is busy, or
   * (unless `force`) the client spoke meanwhile. When it returns true the backend was hung up on: `endLeaving` awaits the end of its process.
   */
  async release(force: boolean, why: string): Promise<boolean> {
    while (this.#asking) {
      if ((await this.#asking) || !force) return this.state !== "attached";
    }
    if (this.state !== "attached") return true;
    if (!this.#protocol.quiet || (!force && this.#pending !== undefined)) return false;
    return this.#askOnce(force, why);
  }

  /** Frees the backend for others where the session is at a boundary and holds no state; else nothing happens, but to a session whose backend does not answer: that ends. True when the backend's process is gone, or is slow to go. */
  async giveWay(): Promise<boolean> {
    if (this.#asking || this.state !== "attached" || !this.#protocol.quiet || this.#pending !== undefined) return false;
    return this.#askOnce(false, undefined);
  }

  #askOnce(force: boolean, why: string | undefined): Promise<boolean> {
    this.#asking = this.#ask(force, why).finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** `why`: what a session with state is told at its end; undefined lets it go on. */
  async #ask(force: boolean, why: string | undefined): Promise<boolean> {
    const { backend, timeline } = this;
    if (!backend || !timeline) return true;
    this.state = "asked";
    this.#unhook();
    const stateless = await this.#holdsNothing(backend, force ? FORCED_QUESTION_TIMEOUT_MS : QUESTION_TIMEOUT_MS);
    if (!this.#isClosed()) {
      const goesOn = (!force && this.#pending !== undefined) || (!stateless && why === undefined);
      // Without an answer never: it may come yet, and would go to the client.
      if (goesOn && stateless !== undefined && !backend.wire.socket.destroyed) {
        this.state = "attached";
        this.#hook(backend);
        this.kick();
        return false;
      }
      if (stateless) {
        this.state = "detached";
        this.backend = undefined;
        this.timeline = undefined;
        if (this.#pending !== undefined) void this.attach();
      } else this.fail("57P01", `terminating connection: ${why ?? "the database does not answer"}`, "Connect again.");
    }
    const gone = this.#host.leave(timeline, backend);
    if (why === undefined) await within(GIVE_WAY_MS, gone);
    return true;
  }

  /** Tells the client why, and ends the session. */
  fail(code: SqlState, text: string, hint?: string): void {
    this.#close(fatal(code, text, hint));
  }

  #close(last: Buffer): void {
    if (this.#protocol.serverBetweenMessages) this.#leave(last);
    else {
      this.#leave();
      this.client.socket.destroy();
    }
  }

  #leave(last?: Buffer): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#pending = undefined;
    this.#unhook();
    if (this.backend && this.timeline) void this.#host.leave(this.timeline, this.backend);
    farewell(this.client.socket, last);
    this.#host.ended(this);
  }

  #isClosed(): boolean {
    return this.state === "closed";
  }

  /** Undefined where the backend did not answer: it is lost, or its answer is still to come. */
  async #holdsNothing(backend: Backend, timeoutMs: number): Promise<boolean | undefined> {
    try {
      for (let tries = 2; tries > 0; tries--) {
        const answer = await backend.query(sessionStateQuery(this.user), timeoutMs);
        for (const aside of answer.asides) this.client.write(aside);
        // 57014: a cancel of the client's own that came late.
        if (answer.error !== "57014") return answer.error === undefined && answer.rows[0]?.[0] === "f" && !this.#protocol.customSettings;
      }
      return false;
    } catch {
      return undefined;
    }
  }

  #adopt(backend: Backend, timeline: TimelineId): void {
    this.backend = backend;
    this.timeline = timeline;
    this.#protocol = ProtocolState.after(this.#protocol);
    this.busySince = undefined;
    this.state = "attached";
    this.activeAt = Date.now();
    const news: Buffer[] = [];
    for (const [name, value] of backend.parameters) if (this.#told?.get(name) !== value) news.push(parameterStatus(name, value));
    if (!this.#told) news.push(backendKeyData(this.key), readyForQuery());
    this.#told = new Map(backend.parameters);
    if (news.length > 0) this.client.write(Buffer.concat(news));
    this.#hook(backend);
    this.#host.settled(this);
    this.kick();
  }

  #hook({ wire }: Backend): void {
    const onDrain = (): void => {
      if (this.#pending === undefined) this.client.socket.resume();
    };
    const onClose = (): void => this.#lostBackend();
    wire.socket.on("drain", onDrain).on("close", onClose);
    this.#unhook = () => {
      this.#unhook = () => {};
      wire.socket.off("drain", onDrain).off("close", onClose);
      wire.stop();
    };
    wire.start((bytes) => this.#fromServer(bytes, wire));
  }

  #fromClient(bytes: Buffer): void {
    if (this.state === "closed") return;
    this.activeAt = Date.now();
    if (this.#pending === undefined) this.#forward(bytes);
    else this.#wait(Buffer.concat([this.#pending, bytes]));
  }

  /** Keeps `own`, which nobody else has, for later; the client's socket waits with it. */
  #wait(own: Buffer): void {
    this.#pending = own;
    this.client.socket.pause();
  }

  /** Sends on what may go; the rest waits. */
  #forward(bytes: Buffer): void {
    const { backend } = this;
    if (this.state !== "attached" || !backend) {
      this.#wait(Buffer.from(bytes));
      if (this.state !== "detached") return;
      if (bytes[0] === GOODBYE && this.#protocol.clientBetweenMessages) this.#leave();
      else void this.attach();
      return;
    }
    const protocol = this.#protocol;
    try {
      const send = protocol.fromClient(bytes, this.#mayBegin);
      if (this.busySince === undefined && !protocol.quiet) this.busySince = this.activeAt;
      if (send.length > 0 && !backend.wire.write(send)) this.client.socket.pause();
    } catch (error) {
      if (!(error instanceof MalformedStream)) throw error;
      this.fail("08P01", error.message);
      return;
    }
    if (protocol.goodbye) this.#leave();
    else if (protocol.rest !== undefined) {
      this.#wait(Buffer.from(protocol.rest));
      this.#host.settled(this);
    }
  }

  // Shut: what is under way may say what comes next, and an open transaction must be able to end.
  readonly #mayBegin = (): boolean => this.#host.isOpen(this) || (!this.#protocol.awaitsAnswer && this.#protocol.status !== "I");

  readonly #parameterChanged = (body: Buffer): void => {
    const [name = "", value = ""] = body.toString("utf8").split("\0");
    this.#told?.set(name, value);
  };

  #fromServer(bytes: Buffer, wire: Wire): void {
    this.activeAt = Date.now();
    const ready = this.#protocol.fromServer(bytes, this.#parameterChanged);
    if (!this.client.write(bytes)) wire.socket.pause();
    if (!ready) return;
    // A client that sends ahead is never quiet, but its transactions end.
    if (this.#protocol.status === "I") this.busySince = this.#protocol.quiet ? undefined : this.activeAt;
    if (this.#pending !== undefined) this.kick();
    if (this.#protocol.quiet) this.#host.settled(this);
  }

  #lostBackend(): void {
    const told = this.#protocol.lastServerMessage === "E" && this.#protocol.serverBetweenMessages;
    if (told) this.#leave();
    else this.fail("57P01", "terminating connection: the database was stopped", "Connect again.");
  }
}
