/** The door to the runtime on Kubernetes: it finds the cluster and says plainly that apps cannot be deployed there yet. */
import { AdorableError } from "../../core/errors.ts";
import type { Runtime } from "../runtime.ts";

/**
 * Reads the kubeconfig as kubectl does (KUBECONFIG, ~/.kube/config, the service account).
 * Throws `kubernetes-not-configured` (operator) when it names no cluster, and otherwise always `kubernetes-not-available` (operator):
 * no environment is ever taken for deployed.
 */
export async function createKubernetesRuntime(): Promise<Runtime> {
  // Loaded only here: the client takes longer to load than the rest of the platform.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromDefault();
  const context = config.getCurrentContext();
  const cluster = config.getCurrentCluster();
  // Without any configuration the client makes up a cluster on localhost.
  if (cluster === null || context === "loaded-context") {
    throw new AdorableError({
      code: "kubernetes-not-configured",
      remedy: "operator",
      message: "No kubeconfig names a cluster.",
      hint: 'Set KUBECONFIG, or choose the runtime "local".',
    });
  }
  throw new AdorableError({
    code: "kubernetes-not-available",
    remedy: "operator",
    message: `Deploying to Kubernetes (context "${context}", cluster "${cluster.name}") is not built yet.`,
    hint: 'Choose the runtime "local", which runs apps as processes on this machine.',
    details: { context, cluster: cluster.name },
  });
}
