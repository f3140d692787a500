/** Makes a self-signed X.509 certificate (RFC 5280) for the proxy: P-256, signed with ECDSA and SHA-256. */
import { type KeyObject, generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP, isIPv4 } from "node:net";

export interface KeyAndCertificate {
  /** PKCS #8, PEM. */
  key: string;
  certificate: string;
}

const OID = {
  commonName: "2.5.4.3",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  extendedKeyUsage: "2.5.29.37",
  subjectAlternativeName: "2.5.29.17",
  serverAuthentication: "1.3.6.1.5.5.7.3.1",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
};

/** A new key and a certificate for it that says `names` (DNS names and addresses; the first is its subject). */
export function makeCertificate(names: [string, ...string[]], notBefore: Date, notAfter: Date): KeyAndCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const name = sequence(set(sequence(oid(OID.commonName), tagged(0x0c, Buffer.from(names[0], "utf8")))));
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    algorithm,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...extensions(names))),
  );
  const certificate = new X509Certificate(sequence(body, algorithm, bitString(signed(body, privateKey))));
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), certificate: certificate.toString() };
}

function signed(body: Buffer, key: KeyObject): Buffer {
  return sign("sha256", body, { key, dsaEncoding: "der" });
}

/** Positive, and no more than the 20 bytes that RFC 5280 allows. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function extensions(names: string[]): Buffer[] {
  const critical = tagged(0x01, Buffer.from([0xff]));
  const value = (content: Buffer): Buffer => tagged(0x04, content);
  return [
    // An empty sequence: no authority.
    sequence(oid(OID.basicConstraints), critical, value(sequence())),
    // Bit 0, digitalSignature: seven bits are unused.
    sequence(oid(OID.keyUsage), critical, value(tagged(0x03, Buffer.from([7, 0x80])))),
    sequence(oid(OID.extendedKeyUsage), value(sequence(oid(OID.serverAuthentication)))),
    sequence(oid(OID.subjectAlternativeName), value(sequence(...names.map(generalName)))),
  ];
}

function generalName(name: string): Buffer {
  return isIP(name) === 0 ? tagged(0x82, Buffer.from(name, "latin1")) : tagged(0x87, addressBytes(name));
}

/** The 4 or 16 bytes of an address. */
function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  const plain = address.replace(/%.*$/, "").replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) => {
    const group = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
    return `${group(a, b)}:${group(c, d)}`;
  });
  const groups = (text: string): string[] => text.split(":").filter((part) => part !== "");
  const [head = "", tail] = plain.split("::");
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill("0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length.toString(16);
  const bytes = Buffer.from(size.padStart(size.length + (size.length % 2), "0"), "hex");
  const head = length < 0x80 ? [length] : [0x80 | bytes.length, ...bytes];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const sequence = (...parts: Buffer[]): Buffer => tagged(0x30, Buffer.concat(parts));
const set = (...parts: Buffer[]): Buffer => tagged(0x31, Buffer.concat(parts));
const integer = (bytes: Buffer): Buffer => tagged(0x02, bytes);
const bitString = (bytes: Buffer): Buffer => tagged(0x03, Buffer.concat([Buffer.from([0]), bytes]));

/** UTCTime to 2049, GeneralizedTime from 2050 on. */
function time(at: Date): Buffer {
  const digits = at.toISOString().replaceAll(/[-:T]|\..*$/g, "");
  return at.getUTCFullYear() < 2050
    ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`, "latin1"))
    : tagged(0x18, Buffer.from(`${digits}Z`, "latin1"));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return tagged(0x06, Buffer.from(bytes));
}
