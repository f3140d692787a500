/** Deployments as GitHub shows them: one environment for each app of a place, so that every app has its link. */
import type { CommitId } from "../core/ids.ts";
import type { DeploymentStatusInput, Repository } from "../github/github.ts";

/** Where apps run: `production`, `preview/pr-3`. */
export interface DeployedPlace {
  place: string;
  sha: CommitId | "";
  /** The same id makes no second deployment. */
  id: string;
  description: string;
  isProduction: boolean;
}

/** Environments are called `<place>/<app>`. Idempotent; by slug. */
export async function createDeployments(
  repository: Repository,
  apps: readonly { slug: string }[],
  of: DeployedPlace,
): Promise<Record<string, number>> {
  const made: Record<string, number> = {};
  for (const { slug } of apps) {
    const { id } = await repository.createDeployment({
      environment: `${of.place}/${slug}`,
      sha: of.sha,
      payloadId: `${of.id}:${slug}`,
      description: of.description,
      isProduction: of.isProduction,
    });
    made[slug] = id;
  }
  return made;
}

export async function setDeployments(
  repository: Repository,
  deployments: Readonly<Record<string, number>>,
  statusOf: (app: string) => DeploymentStatusInput,
): Promise<void> {
  for (const [app, id] of Object.entries(deployments)) await repository.createDeploymentStatus(id, statusOf(app));
}
