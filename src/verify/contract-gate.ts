/** The gate `contract`: the running app has every procedure and every table that its contract declares. */
import type { Evidence } from "../core/evidence.ts";
import { toAdorableError } from "../core/errors.ts";
import { schemaName } from "../core/names.ts";
import type { Contract } from "../core/spec.ts";
import { codeBlock, count, NO_APP, settleGate, type GateApp, type GateContext } from "./gate.ts";
import { runSql, type SqlTarget } from "./run-sql.ts";
import { outputOf, type RunningApp } from "./running-app.ts";
import { callProcedure, type ProcedureAnswer } from "./trpc-call.ts";

const LIMIT_MS = 240_000;
const SQL_LIMIT_MS = 30_000;
const PARALLEL_QUERIES = 4;

export interface ContractSources {
  /** Starts the app, once for all who ask. Its database is a throwaway: mutations are called. */
  running(app: GateApp): Promise<RunningApp>;
  database(app: GateApp): Promise<SqlTarget>;
  /** The app's contract in the base commit, if the app is there. */
  baseContract(app: GateApp): Promise<Contract | undefined>;
}

interface AppContract {
  app: GateApp;
  answers: ProcedureAnswer[];
  tables: { name: string; exists: boolean }[];
  /** What the base declares and this tree no longer does. */
  dropped: string[];
  /** Why the app could not be asked. */
  failure?: string;
  output?: string;
}

export async function contractGate(context: GateContext, sources: ContractSources): Promise<Evidence> {
  return settleGate("contract", context, LIMIT_MS, async () => {
    if (context.apps.length === 0) return NO_APP;
    const results: AppContract[] = [];
    for (const app of context.apps) results.push(await probe(app, sources));

    const answers = results.flatMap((result) => result.answers);
    const tables = results.flatMap((result) => result.tables);
    const bad = [
      ...results.filter(({ failure }) => failure !== undefined).map(({ app }) => `${app.spec.slug} could not be asked`),
      ...answers.filter(({ ok }) => !ok).map(({ procedure, note }) => `${procedure.name} ${note}`),
      ...tables.filter(({ exists }) => !exists).map(({ name }) => `table ${name} is missing`),
    ];
    const dropped = results.flatMap((result) => result.dropped);
    const figures = `${answers.filter(({ ok }) => ok).length} of ${count(answers.length, "procedure")} answered, ${tables.filter(({ exists }) => exists).length} of ${count(tables.length, "table")} exist`;
    return {
      ok: bad.length === 0,
      title: [figures, ...(dropped.length === 0 ? [] : [`no longer declared: ${dropped.join(", ")}`]), ...bad.slice(0, 3)].join("; "),
      summary: results.map(describe).join("\n\n"),
      annotations: [],
      flagged: dropped.length > 0,
    };
  });
}

async function probe(app: GateApp, sources: ContractSources): Promise<AppContract> {
  const { procedures, tables } = app.spec.contract;
  const result: AppContract = { app, answers: [], tables: [], dropped: findDropped(await sources.baseContract(app), app.spec.contract) };
  try {
    result.tables = await findTables(app, await sources.database(app));
    const running = await sources.running(app);
    const queries = procedures.filter(({ type }) => type === "query");
    for (let index = 0; index < queries.length; index += PARALLEL_QUERIES) {
      result.answers.push(
        ...(await Promise.all(queries.slice(index, index + PARALLEL_QUERIES).map((procedure) => callProcedure(running, procedure)))),
      );
    }
    for (const procedure of procedures) if (procedure.type === "mutation") result.answers.push(await callProcedure(running, procedure));
    const exit = running.exit();
    if (exit) result.failure = `The server ended with ${exit.exitCode ?? exit.signal ?? "an error"} while it was asked.`;
    if (exit || result.answers.some(({ ok }) => !ok)) result.output = running.output();
  } catch (thrown) {
    const error = toAdorableError(thrown);
    result.failure = [error.message, error.hint].filter(Boolean).join(" ");
    result.output = outputOf(error);
    // What was never asked has not answered.
    result.answers = procedures.map((procedure) => ({ procedure, ok: false, note: "was not asked" }));
    if (result.tables.length === 0) result.tables = tables.map((name) => ({ name, exists: false }));
  }
  return result;
}

async function findTables(app: GateApp, target: SqlTarget): Promise<AppContract["tables"]> {
  if (app.spec.contract.tables.length === 0) return [];
  const sql = `select c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = '${schemaName(app.spec.slug)}' and c.relkind in ('r', 'p')`;
  const { results } = await runSql(target, sql, { maxRows: 10_000, timeoutMs: SQL_LIMIT_MS });
  const present = new Set(results[0]?.rows.map((row) => String(row[0])));
  return app.spec.contract.tables.map((name) => ({ name, exists: present.has(name) }));
}

function findDropped(base: Contract | undefined, now: Contract): string[] {
  if (!base) return [];
  const procedures = new Set(now.procedures.map(({ name }) => name));
  const tables = new Set(now.tables);
  return [
    ...base.procedures.filter(({ name }) => !procedures.has(name)).map(({ name }) => `procedure ${name}`),
    ...base.tables.filter((name) => !tables.has(name)).map((name) => `table ${name}`),
  ];
}

function describe({ app, answers, tables, dropped, failure, output }: AppContract): string {
  const rows = [
    ...answers.map(({ procedure, ok, note }) => `| ${ok ? "✓" : "✗"} | ${procedure.type} | \`${procedure.name}\` | ${cell(note)} |`),
    ...tables.map(({ name, exists }) => `| ${exists ? "✓" : "✗"} | table | \`${name}\` | ${exists ? "exists" : "is missing"} |`),
  ];
  return [
    `### ${app.path}`,
    ...(failure === undefined ? [] : [cell(failure)]),
    rows.length === 0 ? "The contract is empty." : ["| | kind | name | answer |", "|---|---|---|---|", ...rows].join("\n"),
    ...(dropped.length === 0 ? [] : [`No longer declared since the base: ${dropped.map((name) => `\`${name}\``).join(", ")}.`]),
    ...(output === undefined || output.trim() === "" ? [] : [`Output of the server:\n\n${codeBlock(output)}`]),
  ].join("\n\n");
}

/** Text of others in one table cell. */
function cell(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll("|", String.raw`\|`)
    .replaceAll("<", "&lt;")
    .slice(0, 500);
}
