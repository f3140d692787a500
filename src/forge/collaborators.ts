/** Who may work in a repository, changed by its admins, and told to Apps. */
import { setCollaborator } from "./accounts.ts";
import { authorizeWrite, type Actor } from "./auth.ts";
import type { ForgeCore } from "./core.ts";
import { notFound } from "./faults.ts";
import type { Account, Repository, Role } from "./records.ts";
import { userJson } from "./serialize/common.ts";
import { emit } from "./webhooks.ts";

/** The owner first. */
export function collaboratorsOf(core: ForgeCore, repository: Repository): { accountId: number; role: Role }[] {
  return [{ accountId: repository.ownerId, role: "admin" }, ...core.state.collaborators(repository.id)];
}

/** Works at once: nobody has to accept an invitation on a machine of one's own. Throws 404 for nobody's name. */
export function addCollaborator(core: ForgeCore, actor: Actor, repository: Repository, login: string, role: Role): void {
  const user = authorizeWrite(core, actor, repository, "administration", "admin");
  const account = accountOf(core, login);
  const before = collaboratorsOf(core, repository).find((item) => item.accountId === account.id);
  if (account.id === repository.ownerId || before?.role === role) return;
  core.db.transaction(() => {
    setCollaborator(core, repository, account, role);
    const member = userJson(core, account);
    if (before === undefined) emit(core, repository, "member", user, { action: "added", member, changes: { role_name: { to: role } } });
    else emit(core, repository, "member", user, { action: "edited", member, changes: { permission: { from: before.role, to: role } } });
  });
}

/** Idempotent. */
export function removeCollaborator(core: ForgeCore, actor: Actor, repository: Repository, login: string): void {
  const user = authorizeWrite(core, actor, repository, "administration", "admin");
  const account = core.state.accountByLogin(login);
  if (account === undefined || !core.state.collaborators(repository.id).some((item) => item.accountId === account.id)) return;
  core.db.transaction(() => {
    setCollaborator(core, repository, account, "none");
    emit(core, repository, "member", user, { action: "removed", member: userJson(core, account) });
  });
}

function accountOf(core: ForgeCore, login: string): Account {
  const account = core.state.accountByLogin(login);
  if (account === undefined) throw notFound();
  return account;
}
