/** What a rehearsal found, in words for people: names of the tree, rounded times and counts. */
import { AdorableError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import type { Finding } from "../database/migrations/lint/lint.ts";
import type { TableLock } from "../database/migrations/observe.ts";
import { bucket, type RehearsedMigration, type Rehearsal } from "../database/migrations/rehearse.ts";

type Report = Pick<Evidence, "title" | "summary" | "annotations">;

/** A lock that is held for longer is pointed out; shorter ones pass unnoticed. */
const NOTICEABLE_MS = 1000;
const MAX_TITLE = 200;
const MAX_ANNOTATIONS = 50;
const MAX_LISTED = 100;

/** Why production would be held for too long; undefined where it would not. `slack` times the budget passes. */
export function pauseProblem(
  { takesMs, files }: { takesMs: number; files: readonly Pick<RehearsedMigration, "path" | "durationMs">[] },
  budgetMs: number,
  slack = 1,
): AdorableError | undefined {
  if (takesMs <= budgetMs * slack) return undefined;
  const slowest = files.toSorted((one, other) => other.durationMs - one.durationMs)[0];
  return new AdorableError({
    code: "pause-too-long",
    remedy: "author",
    message: `The migrations took up to ${bucket(takesMs)} ms on a fork of production, up to ${slowest?.durationMs ?? 0} ms of them "${slowest?.path ?? ""}"; clients wait meanwhile, and ${budgetMs} ms are allowed.`,
    hint: "Split the migration so that each release is short, or have whoever runs the platform raise ADORABLE_HOLD_BUDGET_MS; then re-run the check. What works outside of a transaction counts too, and only a larger budget makes room for it.",
  });
}

/** Of a rehearsal on a fork of production. */
export function reportRehearsal({ files, takesMs, schema, retired }: Rehearsal): Report {
  const findings = files.flatMap((file) => file.findings);
  const destructive = findings.filter(({ severity }) => severity === "destructive");
  const slow = files.flatMap((file) => file.locks).filter(({ heldMs }) => heldMs > NOTICEABLE_MS);
  const title = [
    `${files.length} pending, rehearsed on a fork of production in ${atMost(bucket(takesMs))}`,
    ...(destructive.length === 0
      ? []
      : [`${counted(destructive.length, "destructive step")}: ${destructive.map(({ what }) => what).join(", ")}`]),
    ...slow.slice(0, 2).map(lockText),
  ].join("; ");
  return {
    title: clip(title),
    summary: [
      "Run on a private fork of production that is gone again. Times and counts are rounded up; clients wait for as long as all of them take together.",
      rehearsalTable(files),
      ...lateNote(files),
      ...findingsText(findings, files),
      ...schemaText(schema),
      ...(retired.length === 0
        ? []
        : [`Applied before and no longer in the tree (what they made stays): ${retired.slice(0, MAX_LISTED).map(code).join(", ")}.`]),
    ].join("\n\n"),
    annotations: annotationsOf(findings),
  };
}

/** Of migrations that meet no row: those of a production that is yet to come. */
export function reportFirst(count: number, findings: readonly Finding[]): Report {
  return {
    title: clip(`${counted(count, "migration")} for a new production`),
    summary: ["There is no production yet: the first release starts with this change's data.", ...findingsText(findings, [])].join("\n\n"),
    annotations: annotationsOf(findings),
  };
}

/** One line for each migration: how long, what others could not do meanwhile, how many rows. */
function rehearsalTable(files: readonly RehearsedMigration[]): string {
  const rows = files.map((file) => {
    const locks = file.locks.map((lock) => `${code(lock.table)} ${blocked(lock)}, ${atMost(lock.heldMs)}`);
    const rewritten = file.rewritten.map((table) => `${code(table)} written anew`);
    return `| ${code(file.path)} | ${atMost(file.durationMs)} | ${locks.join("<br>") || "none"} | ${[file.rows === 0 ? "0" : `≤ ${file.rows.toLocaleString("en-US")}`, ...rewritten].join("<br>")} | ${file.destructive.map(cell).join("<br>") || "none"} |`;
  });
  return [
    "| migration | took | locks on tables that were there | rows written | destructive steps |",
    "|---|--:|---|--:|---|",
    ...rows,
  ].join("\n");
}

function lateNote(files: readonly RehearsedMigration[]): string[] {
  const late = files.filter(({ isLate }) => isLate).map(({ path }) => code(path));
  if (late.length === 0) return [];
  return [`Older than what production has already: ${late.join(", ")}. They were rehearsed in the order in which they will run.`];
}

function findingsText(findings: readonly Finding[], files: readonly RehearsedMigration[]): string[] {
  const of = (severity: Finding["severity"]): Finding[] => findings.filter((finding) => finding.severity === severity).slice(0, MAX_LISTED);
  const [destructive, blocking, advice] = [of("destructive"), of("blocking"), of("advice")];
  return [
    ...(destructive.length === 0 ? [] : [`### Destructive steps\n\n${destructive.map((finding) => line(finding)).join("\n")}`]),
    ...(blocking.length === 0
      ? []
      : [`### What keeps others waiting\n\n${blocking.map((finding) => line(finding, measured(finding, files))).join("\n")}`]),
    ...(advice.length === 0
      ? []
      : [
          `<details><summary>${counted(advice.length, "piece")} of advice</summary>\n\n${advice.map((finding) => line(finding)).join("\n")}\n\n</details>`,
        ]),
  ];
}

function line(finding: Finding, note?: string): string {
  const { path, rule, what, effect, safe, accepted } = finding;
  const parts = [
    `- **${code(`${path}:${finding.line}`)} ${cell(what)}** (${code(rule)})`,
    effect,
    ...(note === undefined ? [] : [note]),
    accepted === undefined ? `Instead: ${safe}` : `Accepted in the file: ${cell(accepted)}`,
  ];
  return parts.join(" ");
}

/** What the linter can only fear, the rehearsal has seen. */
function measured({ path, table }: Finding, files: readonly RehearsedMigration[]): string | undefined {
  const file = files.find((one) => one.path === path);
  if (file === undefined) return undefined;
  const lock = file.locks.find((one) => one.table === table);
  if (lock === undefined) return table === undefined ? undefined : "In the rehearsal it kept nobody waiting.";
  const verdict = lock.heldMs > NOTICEABLE_MS ? "**that is felt**" : "short enough here";
  return `In the rehearsal: ${atMost(lock.heldMs)}, ${verdict}.`;
}

/** `+ column blog.post.slug text`; names and types alone. */
function schemaText({ added, removed }: Rehearsal["schema"]): string[] {
  const [come, gone] = [new Set(added.map(shortly)), new Set(removed.map(shortly))];
  const lines = [
    ...[...gone].filter((one) => !come.has(one)).map((one) => `- ${one}`),
    ...[...come].map((one) => `${gone.has(one) ? "!" : "+"} ${one}`),
  ];
  if (lines.length === 0) return [];
  return [
    `<details><summary>The schema before and after</summary>\n\n\`\`\`diff\n${lines.join("\n").replaceAll("`", "'")}\n\`\`\`\n\n</details>`,
  ];
}

const NAME = '(?:"(?:[^"]|"")+"|[^\\s".]+)';
const SHAPES: [RegExp, (parts: string[]) => string][] = [
  [new RegExp(`^relation (${NAME}\\.${NAME}) ([rpvm]) `), ([name = "", kind = ""]) => `${KINDS[kind] ?? "table"} ${name}`],
  [
    new RegExp(`^column (${NAME}\\.${NAME}\\.${NAME}) (.+?) ([tf])(?: |$)`),
    ([name = "", type = "", required = ""]) => `column ${name} ${type}${required === "t" ? " not null" : ""}`,
  ],
  [
    new RegExp(`^index CREATE (UNIQUE )?INDEX (${NAME}) ON (?:ONLY )?(${NAME}\\.${NAME})`),
    ([unique, name = "", table = ""]) => `${unique ?? ""}index ${name} on ${table}`.replace("UNIQUE", "unique"),
  ],
  [new RegExp(`^constraint (${NAME})\\.(\\S+) (\\S*)`), ([, name = "", table = ""]) => `constraint ${name} of ${table}`],
  [new RegExp(`^(view|sequence|policy|type) (${NAME}\\.${NAME})`), ([kind = "", name = ""]) => `${kind} ${name}`],
  [new RegExp(`^trigger CREATE .*?TRIGGER (${NAME})`), ([name = ""]) => `trigger ${name}`],
  [
    new RegExp(`^function CREATE OR REPLACE (FUNCTION|PROCEDURE) (${NAME}\\.${NAME})`),
    ([kind = "", name = ""]) => `${kind.toLowerCase()} ${name}`,
  ],
];
const KINDS: Record<string, string> = { r: "table", p: "partitioned table", v: "view", m: "materialized view" };

function shortly(description: string): string {
  for (const [shape, say] of SHAPES) {
    const match = shape.exec(description);
    if (match) return say(match.slice(1)).replaceAll(/\s+/g, " ");
  }
  return description.split(" ", 1)[0] ?? "";
}

function annotationsOf(findings: readonly Finding[]): Evidence["annotations"] {
  return findings
    .filter(({ severity, accepted }) => severity !== "advice" && accepted === undefined)
    .slice(0, MAX_ANNOTATIONS)
    .map(({ path, line: at, what, effect, safe, rule }) => ({
      path,
      line: at,
      message: `${what}. ${effect} ${safe} (${rule})`.slice(0, 1000),
    }));
}

function blocked({ mode }: TableLock): string {
  return mode === "AccessExclusiveLock" ? "not read or written" : "not written";
}

/** "blog.post not written for ≤ 20 ms". */
export function lockText(lock: TableLock): string {
  return `${lock.table} ${blocked(lock)} for ${atMost(lock.heldMs)}`;
}

function atMost(ms: number): string {
  return ms < 1000 ? `≤ ${ms} ms` : `≤ ${ms / 1000} s`;
}

function counted(amount: number, noun: string): string {
  return `${amount} ${amount === 1 ? noun : `${noun}s`}`;
}

function clip(text: string): string {
  const plain = text.replaceAll(/\s+/g, " ");
  return plain.length <= MAX_TITLE ? plain : `${plain.slice(0, MAX_TITLE - 1)}…`;
}

/** Names of others in a cell or a line, as they are written, without any meaning for Markdown. */
function code(text: string): string {
  return `\`${text.replaceAll(/[`\s]+/g, " ").replaceAll("|", String.raw`\|`)}\``;
}

function cell(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\\`*_[\]()#!|~@<>&]/g, (character) =>
      character === "@" ? "@\u200B" : character === "<" ? "&lt;" : character === "&" ? "&amp;" : `\\${character}`,
    );
}
