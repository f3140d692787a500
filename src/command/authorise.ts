/** Who may command: decided from the permission API's answer and from nothing else. Default deny. */
import { type Account, type Permission, PERMISSIONS } from "../github/github.ts";

export interface AuthoriseInput {
  sender: Account;
  /** Undefined where GitHub could not be asked: that refuses. Association with the repository decides nothing. */
  permission: Permission | undefined;
  /** Logins of the bots that may command, `[bot]` included. They need no permission of their own. */
  allowedBots: readonly string[];
  /** Default `write`. */
  required?: Permission;
}

export type RefusalReason = "reader" | "permission-unknown" | "bot" | "no-user";
export type Authorisation = { allowed: true } | { allowed: false; reason: RefusalReason };

export function authorise({ sender, permission, allowedBots, required = "write" }: AuthoriseInput): Authorisation {
  if (sender.type === "Bot") {
    const isListed = allowedBots.some((login) => login.toLowerCase() === sender.login.toLowerCase());
    return isListed ? { allowed: true } : { allowed: false, reason: "bot" };
  }
  if (sender.type !== "User") return { allowed: false, reason: "no-user" };
  if (permission === undefined) return { allowed: false, reason: "permission-unknown" };
  return PERMISSIONS.indexOf(permission) >= PERMISSIONS.indexOf(required) ? { allowed: true } : { allowed: false, reason: "reader" };
}
