/** The API as a whole: every room's routes, in the order in which they are tried. */
import { Hono } from "hono";
import type { ForgeCore } from "../core.ts";
import { actionRoutes } from "./actions.ts";
import { appRoutes } from "./apps.ts";
import { archiveRoutes } from "./archives.ts";
import { checkRoutes, deploymentRoutes } from "./checks.ts";
import { collaboratorRoutes } from "./collaborators.ts";
import { gitRoutes } from "./git.ts";
import { graphqlRoutes } from "./graphql.ts";
import { installBasics, type Api, type ApiEnv } from "./http.ts";
import { issueRoutes } from "./issues.ts";
import { labelRoutes } from "./labels.ts";
import { pullRoutes } from "./pulls.ts";
import { repositoryRoutes } from "./repositories.ts";
import { reviewRoutes } from "./reviews.ts";
import { ruleRoutes } from "./rules.ts";

/** Registers only: `core` is not touched before a request comes. */
export function createApi(core: ForgeCore): Api {
  const api: Api = new Hono<ApiEnv>();
  installBasics(core, api);
  for (const add of [
    appRoutes,
    actionRoutes,
    checkRoutes,
    deploymentRoutes,
    issueRoutes,
    labelRoutes,
    pullRoutes,
    reviewRoutes,
    repositoryRoutes,
    collaboratorRoutes,
    ruleRoutes,
    archiveRoutes,
    gitRoutes,
    graphqlRoutes,
  ])
    add(core, api);
  return api;
}
