/** Who sends a form: what was sent, and the proof that it is of the sender's own session. */
import type { Context } from "hono";
import { isSameSecret, type Session } from "../accounts.ts";
import type { Actor } from "../auth.ts";
import { Fault } from "../faults.ts";
import type { Repository } from "../records.ts";

export interface PageEnv {
  Variables: {
    /** What was typed into the form that is being handled: shown again when it is refused. */
    typed: string;
    /** A content security policy of its own. */
    policy: string;
  };
}

export interface Visit {
  sessionOf(c: Context): Session | undefined;
  repositoryOf(c: Context, session: Session | undefined): Repository;
}

/** The sender of a form of one of our pages. Throws 401 without a session, 403 for a form that is not of it. */
export async function sender(
  c: Context<PageEnv>,
  session: Session | undefined,
): Promise<{ session: Session; actor: Actor; fields: Record<string, string> }> {
  const sent = Object.entries(await c.req.parseBody());
  const fields = Object.fromEntries(sent.map(([key, value]) => [key, typeof value === "string" ? value : ""]));
  c.set("typed", [fields["title"], fields["body"]].filter(Boolean).join("\n\n"));
  if (session === undefined) throw new Fault(401, "You are not logged in, or not any more. Log in with a new link and send it again.");
  if (!isSameSecret(fields["csrf"] ?? "", session.csrf))
    throw new Fault(403, "This form is not of your session. Open its page again and send it from there.");
  return { session, actor: { kind: "user", account: session.account }, fields };
}
