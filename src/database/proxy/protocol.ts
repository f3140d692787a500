/**
 * Where a session stands in the protocol, read from the frames that pass, without keeping them.
 *
 * A **batch** is what one ReadyForQuery answers: one Query or FunctionCall, or extended messages up to their Sync.
 * A session is **quiet** when nothing is outstanding, no batch is half sent, and the last ReadyForQuery said `I` (no transaction).
 *
 * Every byte of every client passes here: only the heads of messages are looked at, and the text of queries.
 */
import { MAX_MESSAGE_BYTES } from "./messages.ts";

export type TransactionStatus = "I" | "T" | "E";

const code = (type: string): number => type.charCodeAt(0);
const [QUERY, FUNCTION_CALL, PARSE, BIND, DESCRIBE, EXECUTE, CLOSE, SYNC, GOODBYE] = [..."QFPBDECSX"].map(code);
const [COPY_DATA, COPY_DONE, COPY_FAIL] = [..."dcf"].map(code);
const [READY, COPY_IN, ERROR, PARAMETER_STATUS] = [..."ZGES"].map(code);

/** SQL text that may set a parameter of the application's own (`app.user`): PostgreSQL lists those in no view. A comment may hide what follows it. */
const CUSTOM_SETTING = /set_config|\bset(?:\s+session)?\s*(?:--|\/\*)|\bset\s+(?:session\s+)?"?[\w$\x80-\xff]+"?\s*(?:\.|--|\/\*)/i;
/** As much of a query as `CUSTOM_SETTING` may need of what came in an earlier chunk. */
const TAIL_CHARACTERS = 256;

/** The client sent what no PostgreSQL message is. */
export class MalformedStream extends Error {}

export class ProtocolState {
  status: TransactionStatus = "I";
  /** True once the client may have set a parameter that the server does not list. */
  customSettings = false;
  /** What the last `fromClient` did not let through: it must be given again. */
  rest: Buffer | undefined;
  /** True when the last `fromClient` met the client's good-bye, which is not sent on. */
  goodbye = false;
  /** Queries (true) and Syncs (false), oldest first, that have no ReadyForQuery yet. */
  #outstanding: boolean[] = [];
  #inBatch = false;
  #copyIn = false;
  #clientLeft = 0;
  #sniffing = false;
  /** The end of the query so far, where one comes in several chunks. */
  #tail = "";
  #carry: Buffer | undefined;
  #serverHead = Buffer.alloc(5);
  #serverHave = 0;
  #serverLeft = 0;
  #serverType = 0;

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
    return String.fromCharCode(this.#serverType);
  }

  /**
   * Takes bytes of the client and returns those that may go to the server; `rest` and `goodbye` say what became of the others.
   * A batch that `mayBegin` refuses stays behind as `rest`. Throws `MalformedStream`.
   */
  fromClient(bytes: Buffer, mayBegin: () => boolean): Buffer {
    const chunk = this.#carry ? Buffer.concat([this.#carry, bytes]) : bytes;
    this.#carry = undefined;
    this.rest = undefined;
    this.goodbye = false;
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      if (this.#clientLeft > 0) {
        const step = Math.min(this.#clientLeft, end - at);
        if (this.#sniffing) this.#sniff(chunk, at, at + step);
        this.#clientLeft -= step;
        at += step;
        continue;
      }
      if (end - at < 5) {
        this.#carry = Buffer.from(chunk.subarray(at));
        return chunk.subarray(0, at);
      }
      const type = chunk[at] as number;
      const length = lengthAt(chunk, at + 1);
      if (length < 4 || length > MAX_MESSAGE_BYTES) throw new MalformedStream(`invalid message length ${length}`);
      if (type === GOODBYE) {
        this.goodbye = true;
        return chunk.subarray(0, at);
      }
      if (!this.#inBatch && !isContinuation(type) && !mayBegin()) {
        this.rest = chunk.subarray(at);
        return chunk.subarray(0, at);
      }
      this.#begin(type);
      this.#clientLeft = length - 4;
      at += 5;
    }
    return chunk;
  }

  #begin(type: number): void {
    this.#sniffing = (type === QUERY || type === PARSE) && !this.customSettings;
    if (type === QUERY || type === FUNCTION_CALL) {
      this.#outstanding.push(true);
      this.#inBatch = false;
    } else if (type === SYNC) {
      // While the server takes copy data it ignores Sync.
      if (this.#copyIn) return;
      this.#outstanding.push(false);
      this.#inBatch = false;
    } else if (type === COPY_DONE || type === COPY_FAIL) this.#copyIn = false;
    else if (type === PARSE || type === BIND || type === DESCRIBE || type === EXECUTE || type === CLOSE) this.#inBatch = true;
  }

  #sniff(chunk: Buffer, from: number, to: number): void {
    const isWhole = this.#tail === "" && to - from === this.#clientLeft;
    if (isWhole && !mentionsSet(chunk, from, to)) return;
    const text = this.#tail + chunk.toString("latin1", from, to);
    if (CUSTOM_SETTING.test(text)) this.customSettings = true;
    this.#tail = to - from === this.#clientLeft ? "" : text.slice(-TAIL_CHARACTERS);
  }

  /** Takes bytes of the server. True when a ReadyForQuery was among them. `changed` gets the body of each ParameterStatus. */
  fromServer(chunk: Buffer, changed: (body: Buffer) => void): boolean {
    const end = chunk.length;
    let ready = false;
    let at = 0;
    while (at < end) {
      if (this.#serverLeft > 0) {
        const step = Math.min(this.#serverLeft, end - at);
        if (this.#serverType === READY) {
          this.#ready(chunk[at] as number);
          ready = true;
        } else if (this.#serverType === PARAMETER_STATUS && this.#serverLeft === step) changed(chunk.subarray(at, at + step));
        this.#serverLeft -= step;
        at += step;
        continue;
      }
      if (this.#serverHave === 0 && end - at >= 5) {
        this.#serverBegins(chunk[at] as number, lengthAt(chunk, at + 1));
        at += 5;
        continue;
      }
      this.#serverHead[this.#serverHave++] = chunk[at++] as number;
      if (this.#serverHave < 5) continue;
      this.#serverHave = 0;
      this.#serverBegins(this.#serverHead[0] as number, lengthAt(this.#serverHead, 1));
    }
    return ready;
  }

  #serverBegins(type: number, length: number): void {
    this.#serverType = type;
    this.#serverLeft = length - 4;
    if (type === COPY_IN) this.#copyBegins();
    else if (type === ERROR) this.#copyIn = false;
  }

  #copyBegins(): void {
    this.#copyIn = true;
    if (this.#outstanding[0]) return;
    // The Syncs that were sent ahead are read in copy mode and get no answer; the batch ends at the one after the copy.
    this.#outstanding = [];
    this.#inBatch = true;
  }

  #ready(status: number): void {
    this.status = status === 0x49 ? "I" : status === 0x54 ? "T" : "E";
    this.#outstanding.shift();
  }
}

/** What must go on being forwarded for a batch to end, and never begins one: copy data, and copy's two ends. */
function isContinuation(type: number): boolean {
  return type === COPY_DATA || type === COPY_DONE || type === COPY_FAIL;
}

/** The unsigned 32 bits, big-endian. */
function lengthAt(bytes: Buffer, at: number): number {
  const low = ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return (bytes[at] as number) * 0x1000000 + low;
}

/** Is there a "set", in any case? Far cheaper than the pattern, which most queries are spared so. */
function mentionsSet(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from + 2; at < to; at++) {
    if (((bytes[at] as number) | 0x20) !== 0x74) continue;
    if (((bytes[at - 1] as number) | 0x20) === 0x65 && ((bytes[at - 2] as number) | 0x20) === 0x73) return true;
  }
  return false;
}
