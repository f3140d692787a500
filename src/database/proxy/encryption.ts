/** The proxy's TLS: its certificate (the operator's, or one of its own that it keeps), and TLS upon a client's socket. */
import { constants, createHash, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { isIP, type Socket } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { AdorableError } from "../../core/errors.ts";
import { writeDurably } from "../../process/durable-file.ts";
import { makeCertificate } from "./certificate.ts";

export interface CertificateFiles {
  /** PEM: the certificate, then what leads to its authority. */
  certificateFile: string;
  keyFile: string;
}

export interface Encryption {
  /** Puts TLS upon the client's socket, as its server; resolves when both have shaken hands. `direct`: the client must say `postgresql` by ALPN. Rejects where they do not. */
  secure(socket: Socket, direct: boolean): Promise<SecuredSocket>;
}

export interface SecuredSocket {
  socket: TLSSocket;
  /** The hash of our certificate to which SCRAM can be bound (RFC 5929, `tls-server-end-point`); undefined where the certificate's algorithm defines none. */
  endPoint: Buffer | undefined;
}

/** What PostgreSQL calls itself in the handshake. */
const ALPN = "postgresql";
/** Between two looks at the operator's files. */
const RELOAD_MS = 60_000;
const VALID_MS = 10 * 365 * 24 * 60 * 60 * 1000;
/** A certificate of our own is made anew before it ends. */
const RENEW_MS = 30 * 24 * 60 * 60 * 1000;

const ANY_ADDRESS = new Set(["0.0.0.0", "::"]);

interface Identity {
  context: SecureContext;
  endPoint: Buffer | undefined;
}

/**
 * Reads the operator's `files`, or the certificate that lies in `dir` (made where it is missing, ends soon or does not name `host`). The operator's files are read
 * again when they change; what cannot be used then is told to `report`, and the one before stays. Throws `tls-unusable` (operator).
 */
export async function openEncryption(
  dir: string,
  host: string,
  files: CertificateFiles | undefined,
  report: (error: AdorableError) => void,
): Promise<Encryption> {
  let identity = files ? await readIdentity(files) : await ownIdentity(dir, host);
  let stamp = files && (await stampOf(files));
  let lookedAt = Date.now();
  const reload = async (from: CertificateFiles): Promise<void> => {
    try {
      const present = await stampOf(from);
      if (present === stamp) return;
      identity = await readIdentity(from);
      stamp = present;
    } catch (error) {
      report(AdorableError.isInstance(error) ? error : unusable(from, error));
    }
  };
  return {
    secure(socket, direct) {
      if (files && Date.now() - lookedAt > RELOAD_MS) {
        lookedAt = Date.now();
        void reload(files);
      }
      return handshake(socket, identity, direct);
    },
  };
}

function handshake(socket: Socket, { context, endPoint }: Identity, direct: boolean): Promise<SecuredSocket> {
  const secured = new TLSSocket(socket, { isServer: true, secureContext: context, ALPNProtocols: [ALPN] });
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error("the client hung up"));
    secured.on("error", reject); // Stays: later ones are followed by "close", which is what counts.
    secured.once("close", onClose);
    secured.once("secure", () => {
      secured.off("close", onClose);
      if (!direct || secured.alpnProtocol === ALPN) return resolve({ socket: secured, endPoint });
      secured.destroy();
      reject(new Error("direct TLS without ALPN"));
    });
  });
}

async function readIdentity(files: CertificateFiles): Promise<Identity> {
  try {
    return identityOf(await readFile(files.certificateFile, "utf8"), await readFile(files.keyFile, "utf8"));
  } catch (error) {
    throw unusable(files, error);
  }
}

function identityOf(certificate: string, key: string): Identity {
  // As PostgreSQL: 1.2 at least, and no renegotiation.
  const context = createSecureContext({ cert: certificate, key, minVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_RENEGOTIATION });
  return { context, endPoint: endPointOf(new X509Certificate(certificate)) };
}

/** RFC 5929: the hash is the signature's own, with SHA-256 in the place of MD5 and SHA-1. */
export function endPointOf(certificate: X509Certificate): Buffer | undefined {
  const hash = /^(?:ecdsa-with-)?(md5|sha\d+)(?:withrsaencryption)?$/i.exec(certificate.signatureAlgorithm ?? "")?.[1]?.toLowerCase();
  if (hash === undefined) return undefined;
  return createHash(hash === "md5" || hash === "sha1" ? "sha256" : hash)
    .update(certificate.raw)
    .digest();
}

/** Key and certificate in one file, so that they are never halves of two pairs; the certificate alone beside it, to be given to clients. */
async function ownIdentity(dir: string, host: string): Promise<Identity> {
  const file = join(dir, "tls.pem");
  let pem = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw unusable({ certificateFile: file, keyFile: file }, error);
  });
  if (pem === undefined || !isGood(pem, host)) {
    // A day back: clocks differ.
    const made = makeCertificate(namesOf(host), new Date(Date.now() - 24 * 60 * 60 * 1000), new Date(Date.now() + VALID_MS));
    pem = `${made.key}${made.certificate}`;
    await writeDurably(file, pem);
  }
  const certificate = new X509Certificate(pem).toString();
  await writeDurably(join(dir, "certificate.pem"), certificate, 0o644);
  return identityOf(certificate, pem);
}

function isGood(pem: string, host: string): boolean {
  try {
    const certificate = new X509Certificate(pem);
    createSecureContext({ cert: pem, key: pem });
    return (
      certificate.validToDate.getTime() - Date.now() > RENEW_MS &&
      (ANY_ADDRESS.has(host) || (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined)
    );
  } catch {
    return false; // Damaged: it is ours, and another is as good.
  }
}

function namesOf(host: string): [string, ...string[]] {
  const own = hostname().toLowerCase();
  const names = new Set(["localhost", "127.0.0.1", "::1", /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(own) ? own : "localhost", host]);
  for (const any of ANY_ADDRESS) names.delete(any);
  return [...names] as [string, ...string[]];
}

async function stampOf({ certificateFile, keyFile }: CertificateFiles): Promise<string> {
  const stats = await Promise.all([stat(certificateFile), stat(keyFile)]);
  return stats.map(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`).join();
}

function unusable({ certificateFile, keyFile }: CertificateFiles, cause: unknown): AdorableError {
  return new AdorableError({
    code: "tls-unusable",
    remedy: "operator",
    message: `The certificate "${certificateFile}" and the key "${keyFile}" cannot be used: ${cause instanceof Error ? cause.message : String(cause)}.`,
    hint: "Give a PEM certificate and its unencrypted key that the platform's user can read.",
    cause,
  });
}
