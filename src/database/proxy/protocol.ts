/**
 * Where a session stands in the protocol, read from the frames that pass, without keeping them.
 *
 * A **batch** is what one ReadyForQuery answers: one Query or FunctionCall, or extended messages up to their Sync.
 * A session is **quiet** when nothing is outstanding, no batch is half sent, and the last ReadyForQuery said `I` (no transaction).
 */
import { MAX_MESSAGE_BYTES } from "./messages.ts";

export type TransactionStatus = "I" | "T" | "E";

/** What must go on being forwarded for a batch to end, and never begins one: copy data, copy's two ends, good-bye. */
const CONTINUATIONS = new Set(["d", "c", "f", "X"]);
const EXTENDED = new Set(["P", "B", "D", "E", "C"]);

/** SQL text that may set a parameter of the application's own (`app.user`): PostgreSQL lists those in no view. */
const CUSTOM_SETTING = /set_config|\bset\s+(?:session\s+)?"?\w+"?\s*\./i;

/** The client sent what no PostgreSQL message is. */
export class MalformedStream extends Error {}

export class ProtocolState {
  status: TransactionStatus = "I";
  /** True once the client may have set a parameter that the server does not list. */
  customSettings = false;
  /** Query (Q) or Sync (S), oldest first, that have no ReadyForQuery yet. */
  #outstanding: ("Q" | "S")[] = [];
  #inBatch = false;
  #copyIn = false;
  #clientLeft = 0;
  #sniffing = false;
  #carry: Buffer | undefined;
  #serverHead = Buffer.alloc(5);
  #serverHave = 0;
  #serverLeft = 0;
  #serverType = "";

  /** Goes on where `before` ended, on another connection to a server: what the client has begun to send belongs to the next batch. */
  static after(before: ProtocolState): ProtocolState {
    const next = new ProtocolState();
    next.#carry = before.#carry;
    return next;
  }

  /** True between two messages of the client. */
  get clientBetweenMessages(): boolean {
    return this.#clientLeft === 0 && this.#carry === undefined;
  }

  get quiet(): boolean {
    return this.status === "I" && this.#outstanding.length === 0 && !this.#inBatch && !this.#copyIn && this.#clientLeft === 0;
  }

  get awaitsAnswer(): boolean {
    return this.#outstanding.length > 0;
  }

  /** True between two messages of the server: only there may one of ours be put. */
  get serverBetweenMessages(): boolean {
    return this.#serverHave === 0 && this.#serverLeft === 0;
  }

  /** The type of the server's last message. */
  get lastServerMessage(): string {
    return this.#serverType;
  }

  /**
   * Takes bytes of the client; `send` may go to the server. Where a batch begins that `mayBegin` refuses, the rest comes back and must be given again.
   * Throws `MalformedStream`.
   */
  fromClient(bytes: Buffer, mayBegin: () => boolean): { send: Buffer; rest?: Buffer; goodbye: boolean } {
    const chunk = this.#carry ? Buffer.concat([this.#carry, bytes]) : bytes;
    this.#carry = undefined;
    let at = 0;
    while (at < chunk.length) {
      if (this.#clientLeft > 0) {
        const step = Math.min(this.#clientLeft, chunk.length - at);
        if (this.#sniffing) this.#sniff(chunk, at, at + step);
        this.#clientLeft -= step;
        at += step;
        continue;
      }
      if (chunk.length - at < 5) {
        this.#carry = Buffer.from(chunk.subarray(at));
        return { send: chunk.subarray(0, at), goodbye: false };
      }
      const type = String.fromCharCode(chunk[at] ?? 0);
      const length = chunk.readUInt32BE(at + 1);
      if (length < 4 || length > MAX_MESSAGE_BYTES) throw new MalformedStream(`invalid message length ${length}`);
      if (type === "X") return { send: chunk.subarray(0, at), goodbye: true };
      if (!this.#inBatch && !CONTINUATIONS.has(type) && !mayBegin())
        return { send: chunk.subarray(0, at), rest: chunk.subarray(at), goodbye: false };
      this.#begin(type);
      this.#clientLeft = length - 4;
      at += 5;
    }
    return { send: chunk, goodbye: false };
  }

  #begin(type: string): void {
    if (type === "Q" || type === "F") {
      this.#outstanding.push("Q");
      this.#inBatch = false;
    } else if (type === "S") {
      // While the server takes copy data it ignores Sync.
      if (!this.#copyIn) {
        this.#outstanding.push("S");
        this.#inBatch = false;
      }
    } else if (type === "c" || type === "f") this.#copyIn = false;
    else if (EXTENDED.has(type)) this.#inBatch = true;
    this.#sniffing = (type === "Q" || type === "P") && !this.customSettings;
  }

  #sniff(chunk: Buffer, from: number, to: number): void {
    if (CUSTOM_SETTING.test(chunk.toString("latin1", from, to))) this.customSettings = true;
  }

  /** Takes bytes of the server. True when a ReadyForQuery was among them. `changed` gets the body of each ParameterStatus. */
  fromServer(chunk: Buffer, changed: (body: Buffer) => void): boolean {
    let ready = false;
    let at = 0;
    while (at < chunk.length) {
      if (this.#serverLeft > 0) {
        const step = Math.min(this.#serverLeft, chunk.length - at);
        if (this.#serverType === "Z") this.#ready(chunk[at] ?? 0);
        else if (this.#serverType === "S" && this.#serverLeft === step) changed(chunk.subarray(at, at + step));
        ready ||= this.#serverType === "Z";
        this.#serverLeft -= step;
        at += step;
        continue;
      }
      const step = Math.min(5 - this.#serverHave, chunk.length - at);
      chunk.copy(this.#serverHead, this.#serverHave, at, at + step);
      this.#serverHave += step;
      at += step;
      if (this.#serverHave < 5) continue;
      this.#serverHave = 0;
      this.#serverType = String.fromCharCode(this.#serverHead[0] ?? 0);
      this.#serverLeft = this.#serverHead.readUInt32BE(1) - 4;
      if (this.#serverType === "G") this.#copyBegins();
      if (this.#serverType === "E") this.#copyIn = false;
    }
    return ready;
  }

  #copyBegins(): void {
    this.#copyIn = true;
    if (this.#outstanding[0] === "Q") return;
    // The Syncs that were sent ahead are read in copy mode and get no answer; the batch ends at the one after the copy.
    this.#outstanding = [];
    this.#inBatch = true;
  }

  #ready(status: number): void {
    this.status = String.fromCharCode(status) as TransactionStatus;
    this.#outstanding.shift();
  }
}
