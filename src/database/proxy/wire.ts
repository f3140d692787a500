/** A connection whose bytes are read into one buffer that all connections share, and lent from there: most of them are only looked at and passed on. */
import { createConnection, type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";
import { TLSSocket } from "node:tls";

/** Gets what arrived. The bytes are lent: they change when it returns. */
export type Take = (bytes: Buffer) => void;

const shared = Buffer.allocUnsafeSlow(64 * 1024);

export class Wire {
  #socket: Socket | undefined;
  #take: Take | undefined;
  /** What arrived while nobody took it, or was given back. */
  #held: Buffer | undefined;

  /** Over a socket that somebody else has read from so far, up to `rest`. */
  static over(socket: Socket, rest: Buffer): Wire {
    const wire = new Wire();
    wire.#socket = socket;
    socket.on("data", (bytes: Buffer) => wire.#arrived(bytes));
    wire.stop(rest);
    return wire;
  }

  /**
   * Over a socket that a server has accepted. Node reads into a given buffer only for sockets that connect, so another socket takes this one's handle,
   * which no documentation speaks of; where that is not to be had, reading is dearer and all else the same. The accepted socket is of no use afterwards.
   */
  static adopt(accepted: Socket, rest: Buffer): Wire {
    const owner = accepted as unknown as { _handle?: { useUserBuffer?: unknown } | null };
    const handle = owner._handle;
    if (accepted instanceof TLSSocket || typeof handle?.useUserBuffer !== "function") return Wire.over(accepted, rest);
    const unread = accepted.read() as Buffer | null;
    owner._handle = null;
    accepted.destroy();
    const wire = new Wire();
    wire.#socket = new Socket({ handle, onread: wire.#reads() } as unknown as SocketConstructorOpts);
    wire.stop(unread ? Buffer.concat([rest, unread]) : rest);
    return wire;
  }

  /** To the unix socket at `path`. */
  static connect(path: string): Wire {
    const wire = new Wire();
    wire.#socket = createConnection({ path, noDelay: true, onread: wire.#reads() });
    return wire;
  }

  get socket(): Socket {
    if (!this.#socket) throw new Error("a wire without a socket");
    return this.#socket;
  }

  /** True while the other end has not taken what was written. */
  get isFull(): boolean {
    return this.socket.writableNeedDrain && this.socket.writableLength > 0;
  }

  /** From here on `take` gets what arrives, first what was held. */
  start(take: Take): void {
    this.#take = take;
    const held = this.#held;
    this.#held = undefined;
    this.socket.resume();
    if (held) take(held);
  }

  /** Is it `take` that gets what arrives? */
  isReadBy(take: Take): boolean {
    return this.#take === take;
  }

  /** Nobody reads from here on; `back` is what the next one gets first. */
  stop(back?: Buffer): void {
    this.#take = undefined;
    this.socket.pause();
    if (back && back.length > 0) this.#held = Buffer.from(back);
  }

  /** Writes a copy of the bytes. False where the other end must catch up first: "drain" says when it has. */
  write(bytes: Buffer): boolean {
    const { socket } = this;
    if (socket.destroyed) return true;
    const copy = Buffer.allocUnsafe(bytes.length);
    copy.set(bytes);
    // False is also said of a large chunk that the system took as a whole.
    return socket.write(copy) || socket.writableLength === 0;
  }

  #reads(): OnReadOpts {
    return {
      buffer: shared,
      callback: (length) => {
        this.#arrived(shared.subarray(0, length));
        return true;
      },
    };
  }

  #arrived(bytes: Buffer): void {
    if (this.#take) this.#take(bytes);
    else this.#held = this.#held ? Buffer.concat([this.#held, bytes]) : Buffer.from(bytes);
  }
}
