/** Ends a client's connection so that the last message arrives. */
import type { Socket } from "node:net";

/** How long the client may take to hang up after it was told. */
export const LINGER_MS = 2000;

/** Writes `last`, closes our side and drops what still comes: closing with unread bytes would reset the connection and lose the message. */
export function farewell(client: Socket, last?: Buffer): void {
  if (client.destroyed) return;
  client.removeAllListeners("data");
  client.resume();
  if (last) client.end(last);
  else client.end();
  const timer = setTimeout(() => client.destroy(), LINGER_MS);
  client.once("close", () => clearTimeout(timer));
}
