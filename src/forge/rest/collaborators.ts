/** Routes of collaborators and their permissions. */
import { z } from "zod";
import { authorize } from "../auth.ts";
import { addCollaborator, collaboratorsOf, removeCollaborator } from "../collaborators.ts";
import type { ForgeCore } from "../core.ts";
import { Fault, notFound } from "../faults.ts";
import type { Repository, Role } from "../records.ts";
import { userById, userJson } from "../serialize/common.ts";
import { rolePermissions } from "../serialize/repositories.ts";
import { accountOf, bodyOf, listAnswer, pageOf, repositoryOf, slice, textParam, type Api, type Call } from "./http.ts";

const ROLES = { pull: "read", triage: "triage", push: "write", maintain: "maintain", admin: "admin" } as const;

export function collaboratorRoutes(core: ForgeCore, api: Api): void {
  const path = "/repos/:owner/:repo/collaborators";
  /** Who may see the list: those who push, and Apps. */
  const listing = (c: Call): Repository => {
    const repository = repositoryOf(core, c);
    accountOf(c);
    authorize(core, c.get("actor"), repository, { permission: "metadata", level: "read", role: "write" });
    return repository;
  };

  api.get(path, (c) => {
    const repository = listing(c);
    const { permission } = c.req.query();
    const all = collaboratorsOf(core, repository).filter(
      ({ role }) => permission === undefined || rolePermissions(role)[permission] === true,
    );
    return listAnswer(core, c, slice(all, pageOf(c)), ({ accountId, role }) => ({
      ...userById(core, accountId),
      permissions: rolePermissions(role),
      role_name: role,
    }));
  });
  api.get(`${path}/:login`, (c) => {
    const repository = listing(c);
    const account = core.state.accountByLogin(textParam(c, "login"));
    if (!collaboratorsOf(core, repository).some((item) => item.accountId === account?.id)) throw notFound();
    return c.body(null, 204);
  });
  api.get(`${path}/:login/permission`, (c) => {
    const repository = repositoryOf(core, c);
    authorize(core, c.get("actor"), repository, { permission: "metadata", level: "read", role: "read" });
    accountOf(c);
    const account = core.state.accountByLogin(textParam(c, "login"));
    if (account === undefined) throw new Fault(404, `${textParam(c, "login")} is not a user`);
    const role: Role = core.state.role(repository, account);
    const permission = { maintain: "write", triage: "read", none: "none", read: "read", write: "write", admin: "admin" }[role];
    return c.json({
      permission,
      role_name: role,
      user: { ...userJson(core, account), permissions: rolePermissions(role), role_name: role },
    });
  });
  api.put(`${path}/:login`, async (c) => {
    const repository = repositoryOf(core, c);
    const { permission = "push" } = await bodyOf(
      c,
      z.object({ permission: z.enum(["pull", "triage", "push", "maintain", "admin"]).optional() }),
    );
    addCollaborator(core, c.get("actor"), repository, textParam(c, "login"), ROLES[permission]);
    return c.body(null, 204);
  });
  api.delete(`${path}/:login`, (c) => {
    removeCollaborator(core, c.get("actor"), repositoryOf(core, c), textParam(c, "login"));
    return c.body(null, 204);
  });
}
