/** Asks GitHub again, before production changes, whether those in whose name it changes may do so. */
import { authorise } from "../command/authorise.ts";
import { AdorableError } from "../core/errors.ts";
import type { Platform } from "../change/platform.ts";
import type { ProjectRow } from "../store/rows.ts";
import type { RolloutData } from "./rollout.ts";

/**
 * Whoever merged or pushed, and whoever chose what a rollback does, has write permission now. Throws `approver-not-authorised` (author), and what
 * the permission API throws: where GitHub cannot be asked, nothing is released.
 */
export async function requireApprovers(
  platform: Platform,
  project: ProjectRow,
  data: Pick<RolloutData, "approver" | "chosenBy">,
): Promise<void> {
  const repository = await platform.github.forInstallation(project.full_name);
  for (const login of new Set([data.approver, data.chosenBy])) {
    if (login === undefined) continue;
    const isBot = login.endsWith("[bot]");
    const verdict = authorise({
      login,
      senderType: isBot ? "Bot" : "User",
      permission: isBot ? undefined : await repository.permission(login),
      allowedBots: platform.settings.allowedBots,
    });
    if (verdict.allowed) continue;
    throw new AdorableError({
      code: "approver-not-authorised",
      remedy: "author",
      message: `Production was not changed in the name of "${login}": ${verdict.reason}`,
      hint: "Somebody with write access merges it: revert the merge and open it again.",
    });
  }
}
