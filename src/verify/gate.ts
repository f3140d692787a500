/** What every gate shares: its context, and the frame that turns whatever happens in it into evidence. */
import { toAdorableError } from "../core/errors.ts";
import type { Evidence, GateName } from "../core/evidence.ts";
import type { AppSpec } from "../core/spec.ts";
import type { Sandbox } from "./sandbox.ts";

/** What the gates are done with. None of it comes from the tree under judgement. */
export interface VerifyTools {
  /** The platform's own folder: its TypeScript, and the template whose packages apps may use. */
  platformRoot: string;
  /** `node_modules` for the apps: `prepareModules(...).dir`. */
  modulesDir: string;
  /** Where the browser is unpacked to. */
  browserCacheDir: string;
  /** Default: this process's. */
  nodePath?: string;
  /** The package `typescript`; default: the platform's. */
  typescriptDir?: string;
  /** No gate runs without isolation: what a runner asks for. */
  requireSandbox?: boolean;
}

/** An app of the tree under judgement. */
export interface GateApp {
  spec: AppSpec;
  /** Absolute; `node_modules` in it leads to the store. */
  dir: string;
  /** In the repository: `apps/<slug>`. */
  path: string;
}

export interface GateContext {
  apps: GateApp[];
  /** The checkout: what `GateApp.path` is relative to. */
  treeDir: string;
  tools: VerifyTools;
  sandbox: Sandbox;
  /** Takes out secrets and this machine's paths. Every text of evidence goes through it. */
  redact(text: string): string;
}

export type Annotation = Evidence["annotations"][number];

export interface Finding {
  ok: boolean;
  title: string;
  /** Markdown. */
  summary: string;
  annotations?: Annotation[];
  files?: Evidence["files"];
  /** It names what was taken away since the base. */
  flagged?: boolean;
}

const TITLE_LENGTH = 200;
const SUMMARY_LENGTH = 60_000;
const MESSAGE_LENGTH = 4000;
const ANNOTATIONS = 50;

/**
 * Runs `find` and makes evidence of what it returns, of its time limit and of what it throws: a gate that could not run has failed.
 * Never rejects. `find` must end soon after its signal aborts.
 */
export async function settleGate(
  gate: GateName,
  context: Pick<GateContext, "redact">,
  limitMs: number,
  find: (signal: AbortSignal) => Promise<Finding>,
): Promise<Evidence> {
  const startedAt = performance.now();
  const durationMs = () => Math.round(performance.now() - startedAt);
  const { redact } = context;
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), limitMs);
  const stopped = new Promise<"timed_out">((resolve) =>
    controller.signal.addEventListener("abort", () => resolve("timed_out"), { once: true }),
  );
  try {
    const outcome = await Promise.race([find(controller.signal), stopped]);
    if (outcome === "timed_out" || controller.signal.aborted) {
      const title = `${gate} did not end within ${Math.round(limitMs / 1000)} s`;
      return { gate, conclusion: "timed_out", title, summary: `${title}.`, annotations: [], files: [], durationMs: durationMs() };
    }
    return {
      gate,
      conclusion: outcome.ok ? "success" : "failure",
      title: clip(redact(outcome.title), TITLE_LENGTH),
      summary: clip(redact(outcome.summary), SUMMARY_LENGTH),
      annotations: (outcome.annotations ?? [])
        .slice(0, ANNOTATIONS)
        .map(({ path, line, message }) => ({ path, line: Math.max(1, Math.trunc(line)), message: clip(redact(message), MESSAGE_LENGTH) })),
      files: outcome.files ?? [],
      durationMs: durationMs(),
      ...(outcome.flagged === true ? { flagged: true } : {}),
    };
  } catch (thrown) {
    return failedGate(gate, context, thrown, durationMs());
  } finally {
    clearTimeout(timer);
  }
}

/** The evidence of a gate that could not run. */
export function failedGate(gate: GateName, context: Pick<GateContext, "redact">, thrown: unknown, durationMs = 0): Evidence {
  const error = toAdorableError(thrown);
  const summary = [
    `**${gate} could not run** (\`${error.code}\`)`,
    "",
    error.message,
    ...(error.hint === undefined ? [] : ["", error.hint]),
  ].join("\n");
  return {
    gate,
    conclusion: "failure",
    title: clip(context.redact(`${gate} could not run: ${error.message}`.replaceAll(/\s+/g, " ")), TITLE_LENGTH),
    summary: clip(context.redact(summary), SUMMARY_LENGTH),
    annotations: [],
    files: [],
    durationMs,
  };
}

/** The finding where the project declares no app: there is nothing that could be wrong. */
export const NO_APP: Finding = {
  ok: true,
  title: "No app is declared",
  summary: "The project declares no app, and there is no folder below `apps/`.",
};

/** Takes out `secrets` and what looks like a credential, and puts `paths` (absolute → shown) in place of this machine's. */
export function createRedactor(options: { secrets: string[]; paths: [path: string, shown: string][] }): (text: string) => string {
  const secrets = options.secrets.filter((secret) => secret.length >= 6).sort((a, b) => b.length - a.length);
  const paths = options.paths.toSorted((a, b) => b[0].length - a[0].length);
  return (text) => {
    let clean = text;
    for (const secret of secrets) clean = clean.replaceAll(secret, "•••");
    clean = clean.replaceAll(/\b(postgres(?:ql)?:\/\/)[^\s"'`]+/g, "$1•••");
    for (const [path, shown] of paths) {
      if (shown === "") clean = clean.replaceAll(`${path}/`, "");
      clean = clean.replaceAll(path, shown === "" ? "." : shown);
    }
    return clean.replaceAll(new RegExp(ANSI, "g"), "");
  };
}

const ANSI = String.raw`\u001b\[[0-9;]*[A-Za-z]`;

/** Text of others as a fenced block that it cannot leave, its end kept where it is too long. */
export function codeBlock(text: string, limit = 6000): string {
  const trimmed = text.trim();
  const shown = trimmed.length <= limit ? trimmed : `…\n${trimmed.slice(-limit)}`;
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${shown}\n${fence}`;
}

/** `1 file`, `3 files`. */
export function count(amount: number, noun: string, plural = `${noun}s`): string {
  return `${amount} ${amount === 1 ? noun : plural}`;
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
