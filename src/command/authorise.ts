/** Who may command: decided from the permission API's answer and from nothing else. Default deny. */
import { type Permission, PERMISSIONS } from "../github/github.ts";

export interface AuthoriseInput {
  login: string;
  /** As GitHub says it; only `User` and listed `Bot`s may command. */
  senderType: string;
  /** Undefined where GitHub could not be asked: that refuses. How the person is associated with the repository decides nothing. */
  permission: Permission | undefined;
  /** Logins of the bots that may command, `[bot]` included. They need no permission of their own. */
  allowedBots: readonly string[];
  /** Default `write`. */
  required?: Permission;
}

export type Authorisation =
  | { allowed: true }
  /** `reason` is one sentence for the person. */
  | { allowed: false; code: "reader" | "permission-unknown" | "bot" | "no-user"; reason: string };

export function authorise({ login, senderType, permission, allowedBots, required = "write" }: AuthoriseInput): Authorisation {
  if (senderType === "Bot") {
    const isListed = allowedBots.some((bot) => bot.toLowerCase() === login.toLowerCase());
    if (isListed) return { allowed: true };
    return refuse("bot", `${login} is a bot, and not one of those that may command here.`);
  }
  if (senderType !== "User") return refuse("no-user", `${login} is no user account, so it may not command.`);
  if (permission === undefined) return refuse("permission-unknown", `GitHub could not say what ${login} may do here, so nothing was done.`);
  if (PERMISSIONS.indexOf(permission) >= PERMISSIONS.indexOf(required)) return { allowed: true };
  const has = permission === "none" ? "no permission" : `the permission "${permission}"`;
  return refuse("reader", `${login} has ${has} on this repository; "${required}" or more is needed.`);
}

function refuse(code: "reader" | "permission-unknown" | "bot" | "no-user", reason: string): Authorisation {
  return { allowed: false, code, reason };
}
