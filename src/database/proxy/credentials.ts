/** The proxy's passwords: pure functions of one master key, so that no table of them exists. */
import { createHmac, randomBytes } from "node:crypto";
import { chmod, link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AdorableError } from "../../core/errors.ts";
import type { EndpointName, HoldId } from "../../core/ids.ts";
import { ADMIN_ROLE } from "../database.ts";
import { type ScramVerifier, scramVerifier } from "./scram.ts";

/** Endpoint names hold no `|`, so no two purposes share an input. */
export interface Credentials {
  password(endpoint: EndpointName, role: string): string;
  /** The administrator's password while the hold exists. */
  holdPassword(endpoint: EndpointName, hold: HoldId): string;
  salt(endpoint: EndpointName, role: string): Buffer;
  verifier(endpoint: EndpointName, role: string): Promise<ScramVerifier>;
  holdVerifier(endpoint: EndpointName, hold: HoldId): Promise<ScramVerifier>;
}

/** How many verifiers are remembered: making one takes milliseconds of hashing. */
const CACHE_SIZE = 1000;

/** `masterKey`: 64 hex digits. Throws `invalid-master-key` (operator). */
export function createCredentials(masterKey: string): Credentials {
  if (!/^[0-9a-f]{64}$/.test(masterKey)) {
    throw new AdorableError({
      code: "invalid-master-key",
      remedy: "operator",
      message: "The master key is not 64 hex digits.",
      hint: "Restore the key file from its backup.",
    });
  }
  const key = Buffer.from(masterKey, "hex");
  const mac = (text: string): Buffer => createHmac("sha256", key).update(text).digest();
  const password = (endpoint: EndpointName, role: string): string => mac(`${endpoint}|${role}`).toString("base64url");
  const holdPassword = (endpoint: EndpointName, hold: HoldId): string =>
    mac(`|hold|${hold}|${endpoint}|${ADMIN_ROLE}`).toString("base64url");
  const salt = (endpoint: EndpointName, role: string): Buffer => mac(`|salt|${endpoint}|${role}`).subarray(0, 16);
  const cache = new Map<string, Promise<ScramVerifier>>();
  const cached = (secret: string, saltOf: Buffer): Promise<ScramVerifier> => {
    const known = cache.get(secret);
    if (known) return known;
    if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value ?? "");
    const made = scramVerifier(secret, saltOf);
    cache.set(secret, made);
    return made;
  };
  return {
    password,
    holdPassword,
    salt,
    verifier: (endpoint, role) => cached(password(endpoint, role), salt(endpoint, role)),
    holdVerifier: (endpoint, hold) => cached(holdPassword(endpoint, hold), salt(endpoint, ADMIN_ROLE)),
  };
}

/** The key in `file`, made (0600) where there is none. Of several callers at once, all get the same. */
export async function readOrCreateMasterKey(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const mine = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await writeFile(mine, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600, flush: true });
  await chmod(mine, 0o600);
  try {
    await link(mine, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await unlink(mine);
  }
  return (await readFile(file, "utf8")).trim();
}
