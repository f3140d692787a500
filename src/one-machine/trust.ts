/** Refuses to run what strangers or a real model write where nothing keeps it from the rest of this machine, unless the operator says so. */
import type { Config } from "../config.ts";
import { AdorableError } from "../core/errors.ts";
import type { Isolation } from "../process/isolation.ts";

/**
 * What to tell the operator about code that is run here.
 * Throws `isolation-missing` (operator) for a real model or a remote GitHub without isolation, where `trustCode` is not set.
 */
export function requireIsolation(
  config: Pick<Config, "models" | "github" | "trustCode">,
  { isolation, note }: { isolation: Isolation; note: string },
): string {
  const said = `isolation: ${isolation} (${note}).`;
  const risks = risksOf(config);
  if (isolation !== "none") return `Generated code runs with ${said}`;
  if (risks.length === 0) return `Generated code runs as you, ${said} It comes from the built-in model and from this machine alone.`;
  if (config.trustCode) return `Generated code runs as you, ${said} You said that you trust it.`;
  throw new AdorableError({
    code: "isolation-missing",
    remedy: "operator",
    message: `With ${risks.join(" and ")}, code of others would run here as you, with all that you can read and do: ${note}.`,
    hint: "Install bubblewrap (apt install bubblewrap), or start as root, so that it runs as other users; or say that you trust it: --trust-code (ADORABLE_TRUST_CODE=true).",
    details: { isolation, risks },
  });
}

/** Where code comes from that nobody here has seen. */
function risksOf({ models, github }: Pick<Config, "models" | "github">): string[] {
  const real = [...new Set(Object.values(models))].filter((model) => model !== "blueprint");
  return [...real.map((model) => `the model "${model}"`), ...(github === undefined ? [] : [`a remote GitHub ("${github.apiUrl}")`])];
}

/** Throws `remote-github-missing` (operator) where one is configured. */
export function refuseRemoteGitHub({ github }: Pick<Config, "github">): void {
  if (github === undefined) return;
  throw new AdorableError({
    code: "remote-github-missing",
    remedy: "operator",
    message: `This version brings its own GitHub and cannot be connected to "${github.apiUrl}" from the command line.`,
    hint: 'Remove "github" (ADORABLE_GITHUB_*) from the settings.',
  });
}
