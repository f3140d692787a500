/** Speaks to the platform that is up in a data directory, as its operator. */
import { loadConfig, type ConfigSources } from "../config.ts";
import { AdorableError, type ErrorData } from "../core/errors.ts";
import { locateDataDirectory, readMemory } from "./data-directory.ts";

export interface OperatorClient {
  dataDir: string;
  /** Below `/operator/v1`. Throws what the platform answers, and `platform-not-up` (operator) where it does not. */
  call(method: string, path: string, options?: { signal?: AbortSignal }): Promise<Response>;
  get<T>(path: string): Promise<T>;
  /** The project of that name or, without one, the only project. Throws `project-unknown`, `project-ambiguous` (operator). */
  project(name: string | undefined): Promise<string>;
}

/** Throws `platform-not-up` (operator) where no platform was ever started in the data directory. */
export async function connectOperator(sources: ConfigSources): Promise<OperatorClient> {
  const { path: dataDir } = await locateDataDirectory(loadConfig(sources).dataDir);
  const memory = await readMemory(dataDir);
  if (!memory) {
    throw new AdorableError({
      code: "platform-not-up",
      remedy: "operator",
      message: `There is no platform in "${dataDir}".`,
      hint: "Give its folder with --data.",
    });
  }
  const client: OperatorClient = {
    dataDir,
    async call(method, path, options = {}) {
      const response = await fetch(`http://127.0.0.1:${memory.ports.controlPlane}/operator/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${memory.operatorToken}` },
        ...options,
      }).catch((cause: unknown) => {
        throw new AdorableError({
          code: "platform-not-up",
          remedy: "operator",
          message: "The control plane does not answer.",
          hint: "Start it with `adorable up`.",
          cause,
        });
      });
      if (!response.ok) throw await refusalOf(response);
      return response;
    },
    async get<T>(path: string) {
      return (await (await client.call("GET", path)).json()) as T;
    },
    async project(name) {
      if (name !== undefined) return name;
      const projects = await client.get<{ full_name: string }[]>("/projects");
      const [only, another] = projects;
      if (only && !another) return only.full_name;
      throw new AdorableError({
        code: "project-ambiguous",
        remedy: "operator",
        message: only
          ? `There are ${projects.length} projects: ${projects.map((one) => one.full_name).join(", ")}.`
          : "There is no project.",
        hint: only ? "Name one with --project." : "Open an issue in a repository that the app is installed on.",
      });
    },
  };
  return client;
}

async function refusalOf(response: Response): Promise<AdorableError> {
  const text = await response.text();
  try {
    return AdorableError.fromJSON(JSON.parse(text) as ErrorData);
  } catch {
    return new AdorableError({
      code: "operator-refused",
      remedy: "operator",
      message: `The control plane answered ${response.status}: ${text.slice(0, 300)}`,
      hint: "Another platform may have its port: look at `adorable doctor`.",
    });
  }
}
