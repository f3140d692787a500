/** The helpers of the comment templates: each turns one value into Markdown that can only be read as that value. */
import { inlineParts } from "./markdown-lines.ts";
import type { ErrorView, GateView, LinkView, RequestPhase } from "./view.ts";

const PHASES: Record<RequestPhase, string> = {
  received: "Received",
  refused: "Refused",
  planning: "Planning",
  "awaiting-approval": "Waiting for approval",
  running: "Building",
  verifying: "Verifying",
  opened: "Done",
  answered: "Answered",
  failed: "Failed",
  cancelled: "Stopped",
  "timed-out": "Timed out",
};

/** The way of a request that builds something, and the phases that stand at each step. */
const STEPS: readonly (readonly [string, readonly RequestPhase[]])[] = [
  ["Plan", ["received", "planning", "awaiting-approval"]],
  ["Build", ["running"]],
  ["Verify", ["verifying"]],
  ["Ready", ["opened"]],
];

const RESULTS: Record<GateView["state"], string> = {
  waiting: "waiting",
  started: "⏳ running",
  success: "✅ passed",
  failure: "❌ failed",
  timed_out: "❌ timed out",
  cancelled: "❌ cancelled",
};

export const HELPERS = {
  md: (value: unknown) => escapeMarkdown(text(value)),
  /** Sentences of ours: their code spans stay. */
  prose: (value: unknown) => prose(text(value)),
  code: (value: unknown) => codeSpan(text(value)),
  quote: (value: unknown) => quote(text(value)),
  link: (label: unknown, url: unknown) => link(text(label), text(url)),
  links: (list: readonly LinkView[]) => list.map(({ text: label, url }) => link(label, url)).join(" · "),
  list: (list: readonly string[]) => list.map(escapeMarkdown).join(", "),
  codes: (list: readonly string[]) => list.map(codeSpan).join(", "),
  /** A mention that GitHub links; nothing but a login can be in it. */
  user: (login: unknown) => (/^[A-Za-z0-9][A-Za-z0-9-]{0,38}$/.test(text(login)) ? `@${text(login)}` : escapeMarkdown(text(login))),
  count: (value: number) => value.toLocaleString("en-US"),
  release: (value: number) => String(value),
  duration: (ms: number) => duration(ms),
  time: (iso: unknown) => `${text(iso).slice(0, 19).replace("T", " ")} UTC`,
  cost: (dollars: number | undefined) => cost(dollars),
  phase: (phase: RequestPhase) => PHASES[phase],
  steps: (phase: RequestPhase) => steps(phase),
  reason: (phase: RequestPhase) => (phase === "refused" ? "Refused" : "What went wrong"),
  result: (state: GateView["state"]) => RESULTS[state],
  problem: (error: ErrorView, reference: unknown) => problem(error, text(reference)),
  hint: (error: ErrorView) => (error.remedy === "bug" ? "Try again; if it stays, tell whoever runs the platform." : (error.hint ?? "")),
  next: (phase: RequestPhase, botName: unknown, pullRequest: unknown) =>
    next(phase, text(botName), typeof pullRequest === "object" && pullRequest !== null),
  join: (...parts: unknown[]) => parts.slice(0, -1).map(text).join(""),
  is: (value: unknown, other: unknown) => value === other,
  known: (value: unknown) => value !== undefined && value !== null,
};

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** One line in which nothing is Markdown, HTML, a mention or a reference any more. */
export function escapeMarkdown(value: string): string {
  const line = value.replaceAll(/\s+/g, " ").trim();
  return escapePart(line).replaceAll(/^([#+-]|\d+[.)])/g, (mark) => (mark.length === 1 ? `\\${mark}` : mark.replace(/[.)]$/, "\\$&")));
}

const ENTITIES: Record<string, string> = { "[": "&#91;", "]": "&#93;", "<": "&lt;", ">": "&gt;" };

/** Without what only the start of a line can be. Brackets become entities: in a link's text, renderers disagree about escaped ones. */
function escapePart(value: string): string {
  return value
    .replaceAll(/[\\`*_{}|~$]|&(?=#?\w+;)/g, "\\$&")
    .replaceAll(/[[\]<>]/g, (bracket) => ENTITIES[bracket] ?? bracket)
    .replaceAll(/(?<!\w)@(?=\w)/g, "\\@\u2060");
}

function prose(value: string): string {
  const line = value.replaceAll(/\s+/g, " ").trim();
  return inlineParts(line)
    .map((part) => (part.kind === "code" ? part.text.replaceAll("|", "¦") : escapePart(part.text)))
    .join("");
}

function codeSpan(value: string): string {
  const line = value.replaceAll(/\s+/g, " ").replaceAll("|", "¦");
  const fence = "`".repeat(Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length)) + 1);
  const pad = line.startsWith("`") || line.endsWith("`") || line === "" ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** Words that close an issue when the pull request that says them is merged; also within a quotation. */
const CLOSING = /(\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)(?::|(?=\s)))(?=\s+(?:GH-|[\w./:-]*(?:#|\/issues\/))\d)/gi;

/** Markdown of another voice: it stays a quotation whatever it holds, hides nothing, and closes nothing. */
function quote(value: string): string {
  const visible = value
    .replaceAll("<!--", "&lt;!--")
    .replaceAll(/<(?=\/?(?:details|summary)\b)/gi, "&lt;")
    .replaceAll(CLOSING, "$1\u2060");
  return visible
    .trim()
    .split("\n")
    .map((line) => `> ${line}`.trimEnd())
    .join("\n");
}

function link(label: string, url: string): string {
  if (!/^https?:\/\/[^\s<>]+$/.test(url)) return escapeMarkdown(label);
  return `[${escapeMarkdown(label)}](<${url}>)`;
}

function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function cost(dollars: number | undefined): string {
  if (dollars === undefined) return "cost unknown";
  return dollars === 0 ? "no cost" : `$${dollars < 0.01 ? "<0.01" : dollars.toFixed(2)}`.replace("$<", "<$");
}

/** Where the request stands; nothing for one that was never on the way. */
function steps(phase: RequestPhase): string {
  const at = STEPS.findIndex(([, phases]) => phases.includes(phase));
  if (at < 0) return "";
  const isOver = phase === "opened";
  return STEPS.map(([name], index) => (index < at || isOver ? `${name} ✓` : index === at ? `**${name}**` : name)).join(" → ");
}

function problem(error: ErrorView, reference: string): string {
  if (error.remedy === "bug") return `an error of the platform, kept under the reference ${codeSpan(reference)}.`;
  return `${prose(error.message)} (${codeSpan(error.code)})`;
}

function next(phase: RequestPhase, botName: string, hasPullRequest: boolean): string {
  const command = (words: string) => codeSpan(`@${botName} ${words}`);
  if (phase === "opened") return `Comment ${command("…")} on the pull request to change it; merging releases it.`;
  if (phase === "answered") return `${command("help")} lists what can be asked for.`;
  if (phase === "refused") return `${command("help")} lists what can be asked for.`;
  if (phase === "failed" || phase === "cancelled" || phase === "timed-out") {
    return hasPullRequest ? `Comment ${command("retry")}, or what to do differently.` : `Comment ${command("retry")} to try again.`;
  }
  return `${command("stop")} stops it.`;
}
