/** The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), for passwords that the proxy derives itself. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(pbkdf2);
const ITERATIONS = 4096;

/** What the server keeps of one password. */
export interface ScramVerifier {
  salt: Buffer;
  storedKey: Buffer;
  serverKey: Buffer;
}

/** The verifier of `password`. The salt is chosen by the caller, so that several passwords can be tried against one proof. */
export async function scramVerifier(password: string, salt: Buffer): Promise<ScramVerifier> {
  const salted = await derive(password, salt, ITERATIONS, 32, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest();
  return { salt, storedKey, serverKey: hmac(salted, "Server Key") };
}

/** A conversation after the client's first message. */
export interface ScramExchange {
  /** What the server answers to it. */
  serverFirst: string;
  /** The index of the verifier that the client's final message proves, with the server's own proof; undefined if it proves none. */
  finish(clientFinal: string, verifiers: ScramVerifier[]): { index: number; serverFinal: string } | undefined;
}

/** What the conversation may be bound to: the hash of our certificate, where the client's connection has one. */
export interface ChannelBinding {
  /** Offered to the client as `SCRAM-SHA-256-PLUS`. */
  endPoint: Buffer | undefined;
  /** The client chose it. */
  chosen: boolean;
}

/** Opens a conversation, or gives undefined where the client's first message is malformed, or was made to believe that we bind no channel though we do. */
export function beginScram(clientFirst: string, salt: Buffer, { endPoint, chosen }: ChannelBinding): ScramExchange | undefined {
  const match = /^(p=tls-server-end-point|[ny]),(?:a=[^,]*)?,((?:[^,]*),r=([\x21-\x2b\x2d-\x7e]{8,256}))$/.exec(clientFirst);
  if (!match) return undefined;
  const [, flag = "", bare, clientNonce] = match;
  // "y": it could bind but saw no offer. Whoever took the offer away sits between us.
  if (chosen !== flag.startsWith("p") || (flag === "y" && endPoint !== undefined)) return undefined;
  const nonce = `${clientNonce}${randomBytes(18).toString("base64")}`;
  const serverFirst = `r=${nonce},s=${salt.toString("base64")},i=${ITERATIONS}`;
  const header = Buffer.from(clientFirst.slice(0, clientFirst.length - (bare?.length ?? 0)), "utf8");
  const bound = chosen && endPoint ? Buffer.concat([header, endPoint]) : header;
  return {
    serverFirst,
    finish(clientFinal, verifiers) {
      const parts = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)),p=([A-Za-z0-9+/=]+)$/.exec(clientFinal);
      if (!parts || parts[3] !== nonce) return undefined;
      if (!Buffer.from(parts[2] ?? "", "base64").equals(bound)) return undefined;
      const proof = Buffer.from(parts[4] ?? "", "base64");
      if (proof.length !== 32) return undefined;
      const signed = `${bare},${serverFirst},${parts[1]}`;
      for (const [index, verifier] of verifiers.entries()) {
        const signature = hmac(verifier.storedKey, signed);
        const clientKey = Buffer.alloc(32);
        for (let i = 0; i < 32; i++) clientKey[i] = (proof[i] ?? 0) ^ (signature[i] ?? 0);
        if (!timingSafeEqual(createHash("sha256").update(clientKey).digest(), verifier.storedKey)) continue;
        return { index, serverFinal: `v=${hmac(verifier.serverKey, signed).toString("base64")}` };
      }
      return undefined;
    },
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
