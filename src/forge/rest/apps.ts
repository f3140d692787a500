/** Routes by which an App speaks of itself: its installations, tokens and webhook deliveries. */
import { z } from "zod";
import { createInstallationToken } from "../apps.ts";
import type { Actor } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { Fault, notByIntegration, notFound } from "../faults.ts";
import type { App, Delivery, Installation } from "../records.ts";
import { deliveryJson, installationJson } from "../serialize/actions.ts";
import { appJson } from "../serialize/common.ts";
import { repositoryJson } from "../serialize/repositories.ts";
import { redeliver } from "../webhooks.ts";
import { bodyOf, listAnswer, numberParam, pageOf, textParam, type Api, type Call } from "./http.ts";

const level = z.enum(["read", "write", "admin"]);
const tokenScope = z.object({
  repositories: z.array(z.string()).optional(),
  repository_ids: z.array(z.number()).optional(),
  permissions: z.record(z.string(), level).optional(),
});

export function appRoutes(core: ForgeCore, api: Api): void {
  const appOf = (c: Call): App => {
    const actor: Actor = c.get("actor");
    if (actor.kind !== "app") throw new Fault(401, "A JSON web token could not be decoded");
    return actor.app;
  };
  const installationOf = (c: Call): Installation => {
    const app = appOf(c);
    const installation = core.state.installation(numberParam(c, "id"));
    if (installation?.appId !== app.id) throw notFound();
    return installation;
  };

  api.get("/app", (c) => c.json({ ...appJson(core, appOf(c)), installations_count: core.state.installations(appOf(c).id).total }));
  api.get("/app/installations", (c) =>
    listAnswer(core, c, core.state.installations(appOf(c).id, pageOf(c)), (item) => installationJson(core, item)),
  );
  api.get("/app/installations/:id", (c) => c.json(installationJson(core, installationOf(c))));
  api.post("/app/installations/:id/access_tokens", async (c) => {
    const installation = installationOf(c);
    const scope = await bodyOf(c, tokenScope);
    const issued = createInstallationToken(core, appOf(c), installation, {
      repositories: scope.repositories,
      repositoryIds: scope.repository_ids,
      permissions: scope.permissions,
    });
    return c.json(
      {
        token: issued.token,
        expires_at: issued.expiresAt,
        permissions: issued.permissions,
        repository_selection: issued.repositories === undefined ? installation.repositorySelection : "selected",
        ...(issued.repositories === undefined
          ? {}
          : { repositories: issued.repositories.map((repository) => repositoryJson(core, repository)) }),
      },
      201,
    );
  });
  api.get("/repos/:owner/:repo/installation", (c) => {
    const app = appOf(c);
    const repository = core.state.repository(textParam(c, "owner"), textParam(c, "repo"));
    const installation = repository === undefined ? undefined : core.state.installationOf(app.id, repository.id);
    if (installation === undefined) throw notFound();
    return c.json(installationJson(core, installation));
  });
  for (const kind of ["users", "orgs"]) {
    api.get(`/${kind}/:login/installation`, (c) => {
      const app = appOf(c);
      const account = core.state.accountByLogin(textParam(c, "login"));
      const installation = core.state.installations(app.id).items.find((item) => item.accountId === account?.id);
      if (installation === undefined) throw notFound();
      return c.json(installationJson(core, installation));
    });
  }
  api.get("/apps/:slug", (c) => {
    const app = core.state.appBySlug(textParam(c, "slug"));
    if (app === undefined) throw notFound();
    return c.json(appJson(core, app));
  });
  api.get("/installation/repositories", (c) => {
    const actor = c.get("actor");
    if (actor.kind !== "integration" || actor.installation === null) throw notByIntegration();
    const { repositoryIds, installation } = actor;
    const covered = core.state.installationRepositories(installation, repositoryIds === null ? pageOf(c) : undefined);
    const items = repositoryIds === null ? covered.items : covered.items.filter((repository) => repositoryIds.includes(repository.id));
    const listed = { items, total: repositoryIds === null ? covered.total : items.length };
    return listAnswer(core, c, listed, (repository) => repositoryJson(core, repository), "repositories");
  });

  const deliveryOf = (c: Call): Delivery => {
    const app = appOf(c);
    const delivery = core.db.get<Delivery>("select * from deliveries where id = ? and appId = ?", numberParam(c, "delivery"), app.id);
    if (delivery === undefined) throw notFound();
    return delivery;
  };
  /** GitHub pages deliveries by cursor: the id below which the next page begins. */
  api.get("/app/hook/deliveries", (c) => {
    const app = appOf(c);
    const { perPage } = pageOf(c);
    const cursor = Number(c.req.query("cursor") ?? Number.MAX_SAFE_INTEGER);
    const items = core.db.all<Delivery>(
      "select * from deliveries where appId = ? and id < ? order by id desc limit ?",
      app.id,
      cursor,
      perPage,
    );
    const last = items.at(-1);
    if (items.length === perPage && last !== undefined)
      c.header("link", `<${core.url}${new URL(c.req.url).pathname}?per_page=${perPage}&cursor=${last.id}>; rel="next"`);
    return c.json(items.map((item) => deliveryJson(item, false)));
  });
  api.get("/app/hook/deliveries/:delivery", (c) => c.json(deliveryJson(deliveryOf(c), true)));
  api.post("/app/hook/deliveries/:delivery/attempts", (c) => {
    redeliver(core, deliveryOf(c));
    return c.json({}, 202);
  });
  api.get("/app/hook/config", (c) => {
    const { webhookUrl, webhookSecret } = appOf(c);
    return c.json({
      content_type: "json",
      insecure_ssl: "0",
      ...(webhookSecret === null ? {} : { secret: "********" }),
      url: webhookUrl ?? "",
    });
  });
  api.patch("/app/hook/config", async (c) => {
    const app = appOf(c);
    const { url, secret } = await bodyOf(c, z.object({ url: z.string().optional(), secret: z.string().optional() }));
    core.db.update("apps", app.id, { webhookUrl: url, webhookSecret: secret });
    return c.json({ content_type: "json", insecure_ssl: "0", secret: "********", url: url ?? app.webhookUrl ?? "" });
  });
}
