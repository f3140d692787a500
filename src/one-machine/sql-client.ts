/** A small SQL client for machines without psql: statements from a line or from a terminal, answers as aligned tables or as JSON. */
import { createInterface } from "node:readline";
import { withConnection } from "../database/migrations/connection.ts";
import type { LookAddress } from "./psql.ts";

export interface SqlClientOptions {
  /** Runs this and ends. */
  command: string | undefined;
  json: boolean;
  /** Ends the session. */
  signal: AbortSignal;
}

type Client = Parameters<Parameters<typeof withConnection>[1]>[0];

interface Answer {
  command: string;
  rowCount: number | null;
  fields: { name: string; dataTypeID: number }[];
  rows: (string | null)[][];
}

const RELATIONS = `select n.nspname as schema, c.relname as name, case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1, 2`;
const COLUMNS = `select attname as column, format_type(atttypid, atttypmod) as type, attnotnull as required
  from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`;
const HELP = "Statements end with ;   \\dt tables   \\d NAME columns   \\q leave\n";

/** Returns the exit code: 0, or 1 where the given statement failed. */
export async function runSqlClient(look: LookAddress, options: SqlClientOptions): Promise<number> {
  const address = new URL(`postgres://${look.host}:${look.port}/${look.database}`);
  address.username = look.user;
  address.password = look.password;
  return withConnection(address.href, async (client) => {
    if (options.command === undefined) return converse(client, options.signal);
    try {
      const answers = await ask(client, options.command);
      process.stdout.write(options.json ? `${JSON.stringify(answers.slice(-1).flatMap(asObjects))}\n` : answers.map(table).join("\n"));
      return 0;
    } catch (error) {
      process.stderr.write(`${wordsOf(error)}\n`);
      return 1;
    }
  });
}

async function converse(client: Client, signal: AbortSignal): Promise<number> {
  const isTerminal = process.stdin.isTTY;
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: isTerminal, signal });
  const prompt = (isFirst: boolean): void => {
    if (!isTerminal) return;
    lines.setPrompt(isFirst ? "=> " : "-> ");
    lines.prompt();
  };
  let statement = "";
  if (isTerminal) process.stdout.write(HELP);
  prompt(true);
  lines.on("SIGINT", () => {
    statement = "";
    process.stdout.write("\n");
    prompt(true);
  });
  for await (const line of lines) {
    const word = line.trim();
    if (statement === "" && /^(\\q|exit|quit)$/.test(word)) break;
    try {
      if (statement === "" && word.startsWith("\\")) process.stdout.write(await shortcut(client, word));
      else {
        statement += `${line}\n`;
        if (!word.endsWith(";")) {
          if (statement.trim() === "") statement = "";
          prompt(statement === "");
          continue;
        }
        const whole = statement;
        statement = "";
        process.stdout.write((await ask(client, whole)).map(table).join("\n"));
      }
    } catch (error) {
      process.stderr.write(`${wordsOf(error)}\n`);
    }
    prompt(true);
  }
  return 0;
}

async function shortcut(client: Client, word: string): Promise<string> {
  if (word === "\\dt" || word === "\\d") return table((await ask(client, RELATIONS))[0] as Answer);
  const name = /^\\d\s+(\S+)$/.exec(word)?.[1];
  return name === undefined ? HELP : table((await ask(client, COLUMNS, [name]))[0] as Answer);
}

/** Values as PostgreSQL spells them: nothing is made of dates or numbers. */
async function ask(client: Client, text: string, values?: string[]): Promise<Answer[]> {
  const types = { getTypeParser: () => (value: string) => value };
  const result: unknown = await client.query({ text, ...(values === undefined ? {} : { values }), rowMode: "array", types });
  return (Array.isArray(result) ? result : [result]) as Answer[];
}

function table({ command, rowCount, fields, rows }: Answer): string {
  if (fields.length === 0) return `${command}${rowCount === null ? "" : ` ${rowCount}`}\n`;
  const lines = rows.map((row) => row.map((value) => (value ?? "").replaceAll("\n", "\\n")));
  const widths = fields.map((field, index) => Math.max(field.name.length, ...lines.map((line) => line[index]?.length ?? 0)));
  const draw = (cells: readonly string[]): string =>
    ` ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")}`.trimEnd();
  const rule = widths.map((width) => "-".repeat(width + 2)).join("+");
  const count = `(${rows.length} ${rows.length === 1 ? "row" : "rows"})`;
  return `${[draw(fields.map((field) => field.name)), rule, ...lines.map(draw), count].join("\n")}\n`;
}

/** What JSON has kinds for; everything else is text as PostgreSQL spells it. */
const KINDS: Record<number, (text: string) => unknown> = {
  16: (text) => text === "t",
  20: (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text),
  21: Number,
  23: Number,
  114: (text) => JSON.parse(text) as unknown,
  3802: (text) => JSON.parse(text) as unknown,
};

function asObjects({ fields, rows }: Answer): Record<string, unknown>[] {
  const read = (value: string | null, kind: number): unknown => (value === null ? null : (KINDS[kind]?.(value) ?? value));
  return rows.map((row) => Object.fromEntries(fields.map(({ name, dataTypeID }, index) => [name, read(row[index] ?? null, dataTypeID)])));
}

function wordsOf(error: unknown): string {
  const { message, detail, hint } = error as { message?: string; detail?: string; hint?: string };
  return [`ERROR: ${message ?? String(error)}`, detail && `DETAIL: ${detail}`, hint && `HINT: ${hint}`].filter(Boolean).join("\n");
}
