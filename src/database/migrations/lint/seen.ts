/** What earlier statements of the same migrations have made: tables that are new hold no row, and nobody waits for them. */
import type { Node, Statement } from "../statements.ts";
import { addedConstraints, alterCommands, columnsOf, droppedNames, relationName, svals } from "./rule.ts";

export interface Seen {
  /** Made by a statement before: nothing of production is in it. */
  isNewTable(table: string): boolean;
  /** Of a new table, or added by a statement before. */
  isNewColumn(table: string, column: string): boolean;
  isNewIndex(name: string): boolean;
  /** A CHECK that the column is not null was validated, in an earlier transaction. */
  hasNotNullCheck(table: string, column: string): boolean;
  /** The constraint was added in this very transaction: to validate it now keeps the lock for as long. */
  isOfThisTransaction(table: string, constraint: string): boolean;
  /** The file runs outside of a transaction. */
  isOutsideTransaction: boolean;
  /** What follows in the same file. */
  later: readonly Statement[];
}

interface Check {
  column: string | undefined;
  file: number;
  isValid: boolean;
}

/** Follows the files in the order in which they run. `app` is the schema in which plain names are found. */
export interface Follower {
  seen: Seen;
  /** The next file begins. One of the history is there already: nothing in it is new. */
  begin(schema: string, options: { isHistory: boolean; isOutsideTransaction: boolean }): void;
  follow(statement: Statement): void;
}

export function createFollower(): Follower {
  const tables = new Set<string>();
  const columns = new Set<string>();
  const indexes = new Set<string>();
  const checks = new Map<string, Check>();
  /** Tables whose rows are found in another, as `[table, other]`: partitions and heirs. */
  let parts: [string, string][] = [];
  let file = 0;
  let schema = "";
  let isHistory = false;
  const full = (name: string): string => (name.includes(".") ? name : `${schema}.${name}`);
  const seen: Seen = {
    isNewTable: (table) => tables.has(full(table)),
    isNewColumn: (table, column) => tables.has(full(table)) || columns.has(`${full(table)}.${column}`),
    isNewIndex: (name) => indexes.has(full(name)),
    hasNotNullCheck: (table, column) =>
      [...checks].some(
        ([key, check]) => key.startsWith(`${full(table)} `) && check.column === column && check.isValid && check.file < file,
      ),
    isOfThisTransaction: (table, constraint) => checks.get(`${full(table)} ${constraint}`)?.file === file,
    isOutsideTransaction: false,
    later: [],
  };

  function followConstraint(table: string, constraint: Node): void {
    const name = typeof constraint["conname"] === "string" ? constraint["conname"] : "";
    const isValid = constraint["skip_validation"] !== true;
    checks.set(`${full(table)} ${name}`, { column: notNullColumn(constraint), file, isValid });
  }

  /** The rows of one that was there are found in it from now on, and in whatever it is a part of. */
  function age(table: string): void {
    tables.delete(table);
    for (const column of columns) if (column.startsWith(`${table}.`)) columns.delete(column);
    for (const [part, other] of parts) if (part === table && tables.has(other)) age(other);
  }

  function followPart(part: string, other: string): void {
    parts.push([full(part), full(other)]);
    if (!tables.has(full(part))) age(full(other));
  }

  return {
    seen,
    begin(app, options) {
      file += 1;
      schema = app;
      isHistory = options.isHistory;
      seen.isOutsideTransaction = options.isOutsideTransaction;
    },
    follow(statement) {
      const { kind, node } = statement;
      const table = relationName(node["relation"]);
      for (const constraint of addedConstraints(statement)) followConstraint(table, constraint);
      for (const { subtype, name } of alterCommands(statement)) {
        const check = checks.get(`${full(table)} ${name}`);
        // What was validated counts from the next file on: until the commit the first lock is held.
        if (subtype === "AT_ValidateConstraint" && check) checks.set(`${full(table)} ${name}`, { ...check, isValid: true, file });
        if (subtype === "AT_DropConstraint") checks.delete(`${full(table)} ${name}`);
      }
      if (isHistory) return;
      // What is made only where it is not there may be there.
      if (node["if_not_exists"] !== true) {
        const into = intoTable(statement);
        if (kind === "CreateStmt") tables.add(full(table));
        if (into !== "") tables.add(full(into));
        for (const column of columnsOf(statement)) if (!column.mayBeThere) columns.add(`${full(table)}.${column.name}`);
        if (kind === "IndexStmt" && typeof node["idxname"] === "string") indexes.add(full(node["idxname"]));
      }
      for (const [part, other] of partsOf(statement)) followPart(part, other);
      if (kind === "DropStmt") for (const name of droppedNames(node)) tables.delete(full(name));
      if (kind === "RenameStmt" && node["renameType"] === "OBJECT_TABLE") {
        const renamed = inSchemaOf(full(table), String(node["newname"]));
        if (tables.delete(full(table))) tables.add(renamed);
        parts = parts.map(([part, other]) => [part === full(table) ? renamed : part, other === full(table) ? renamed : other]);
      }
    },
  };
}

function inSchemaOf(table: string, name: string): string {
  return `${table.slice(0, table.indexOf("."))}.${name}`;
}

/** Which table's rows are found in which other one, through the statement. */
function partsOf(statement: Statement): [part: string, other: string][] {
  const { kind, node } = statement;
  const table = relationName(node["relation"]);
  if (kind === "CreateStmt")
    return ((node["inhRelations"] ?? []) as { RangeVar?: Node }[]).map(({ RangeVar }) => [table, relationName(RangeVar)]);
  return alterCommands(statement).flatMap(({ subtype, def }): [string, string][] => {
    if (subtype === "AT_AttachPartition") return [[relationName((def["PartitionCmd"] as Node | undefined)?.["name"]), table]];
    return subtype === "AT_AddInherit" ? [[table, relationName(def["RangeVar"])]] : [];
  });
}

function intoTable({ kind, node }: Statement): string {
  if (kind === "CreateTableAsStmt") return relationName((node["into"] as Node | undefined)?.["rel"]);
  return relationName((node["intoClause"] as Node | undefined)?.["rel"]);
}

/** The column of `check (column is not null)`. */
function notNullColumn(constraint: Node): string | undefined {
  if (constraint["contype"] !== "CONSTR_CHECK") return undefined;
  const test = (constraint["raw_expr"] as Node | undefined)?.["NullTest"] as Node | undefined;
  if (test?.["nulltesttype"] !== "IS_NOT_NULL") return undefined;
  const column = ((test["arg"] as Node | undefined)?.["ColumnRef"] as Node | undefined)?.["fields"];
  return svals(column).at(-1);
}
