/** Who may see a restricted place: one-time links, and the sessions that they open. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "../../process/durable-file.ts";

export const ACCESS_PATH = "/__adorable/access";
const COOKIE = "adorable_access";
const LINK_MS = 10 * 60 * 1000;
const SESSION_MS = 12 * 60 * 60 * 1000;

export interface Access {
  /** A new one-time token for the place. */
  mint(place: string): string;
  /** The `Set-Cookie` value of a session, once per token; undefined: no such token for this place. */
  redeem(token: string, place: string, host: string): string | undefined;
  /** Whether the request's cookies hold a session for the place at this host. */
  allows(cookies: string | undefined, place: string, host: string): boolean;
}

export async function openAccess(dir: string, now: () => number = Date.now): Promise<Access> {
  await mkdir(dir, { recursive: true });
  const key = await sessionKey(join(dir, "access-key"));
  const tokens = new Map<string, { place: string; until: number }>();
  const sign = (text: string): Buffer => createHmac("sha256", key).update(text).digest();
  const signed = (until: number, place: string, host: string): Buffer => sign(JSON.stringify([until, place, host]));
  return {
    mint(place) {
      for (const [token, { until }] of tokens) if (until < now()) tokens.delete(token);
      const token = randomBytes(24).toString("base64url");
      tokens.set(token, { place, until: now() + LINK_MS });
      return token;
    },
    redeem(token, place, host) {
      const known = tokens.get(token);
      if (known === undefined || known.place !== place) return undefined;
      tokens.delete(token);
      if (known.until < now()) return undefined;
      const until = now() + SESSION_MS;
      const value = `${until}.${signed(until, place, host).toString("base64url")}`;
      return `${COOKIE}=${value}; Path=/; Max-Age=${SESSION_MS / 1000}; HttpOnly; SameSite=Lax`;
    },
    allows(cookies, place, host) {
      return cookieValues(cookies).some((value) => {
        const [until = "", signature = ""] = value.split(".");
        const given = Buffer.from(signature, "base64url");
        const expected = signed(Number(until), place, host);
        return /^\d+$/.test(until) && Number(until) > now() && given.length === expected.length && timingSafeEqual(given, expected);
      });
    },
  };
}

/** The cookies without the gateway's own: an app has no business with it. */
export function withoutAccessCookie(cookies: string): string | undefined {
  const rest = cookies.split(";").filter((part) => !part.trim().startsWith(`${COOKIE}=`));
  return rest.length === 0 ? undefined : rest.join(";").trim();
}

function cookieValues(cookies: string | undefined): string[] {
  const parts = (cookies ?? "").split(";").map((part) => part.trim());
  return parts.filter((part) => part.startsWith(`${COOKIE}=`)).map((part) => part.slice(COOKIE.length + 1));
}

async function sessionKey(path: string): Promise<Buffer> {
  const present = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  });
  if (present !== undefined) return Buffer.from(present, "hex");
  const key = randomBytes(32);
  await writeDurably(path, key.toString("hex"));
  return key;
}
