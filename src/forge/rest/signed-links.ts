/** Links that carry their own permission for a minute, as GitHub gives them for logs and archives. */
import { isSameSecret, secretHash } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import { Fault } from "../faults.ts";
import type { Call } from "./http.ts";

const LINK_MS = 60_000;

export function signedLink(core: ForgeCore, path: string): string {
  const expires = Date.now() + LINK_MS;
  return `${core.url}${path}?expires=${expires}&signature=${signature(core, path, expires)}`;
}

/** Throws 403 for a request whose path was not signed, or a while ago. */
export function checkSigned(core: ForgeCore, c: Call): void {
  const expires = Number(c.req.query("expires"));
  if (!(expires > Date.now()) || !isSameSecret(c.req.query("signature") ?? "", signature(core, new URL(c.req.url).pathname, expires)))
    throw new Fault(403, "Signature not valid");
}

function signature(core: ForgeCore, path: string, expires: number): string {
  const key = core.db.get<{ value: string }>("select value from meta where key = 'oidc-key'")?.value ?? "";
  return secretHash(`${secretHash(key)}:${path}:${expires}`);
}
