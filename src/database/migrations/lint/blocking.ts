/** Rules on what makes others wait for as long as a table is large, and on what fails on a table that has rows. */
import { walk, type Node, type Statement } from "../statements.ts";
import {
  addedConstraints,
  alterCommands,
  columnsOf,
  droppedNames,
  isUnfiltered,
  relationName,
  svals,
  type Column,
  type Rule,
} from "./rule.ts";
import type { Seen } from "./seen.ts";

const ALONE = "in a file of its own that begins with `-- adorable: no-transaction`";
const SERIAL = new Set(["serial", "serial4", "bigserial", "serial8", "smallserial", "serial2"]);
/** They give the same value for every row of a statement, so that no row has to be written for it. */
const STABLE = new Set([
  ..."now transaction_timestamp statement_timestamp current_setting timezone to_timestamp make_date make_timestamptz lower upper".split(
    " ",
  ),
  ..."jsonb_build_object jsonb_build_array json_build_object json_build_array to_jsonb to_json array_to_string".split(" "),
]);

export const BLOCKING_RULES: readonly Rule[] = [
  {
    id: "require-concurrent-index-creation",
    severity: "blocking",
    effect: "Nobody can write to the table while the index is built.",
    safe: `Say CREATE INDEX CONCURRENTLY, ${ALONE}.`,
    find({ kind, node }, seen) {
      const table = relationName(node["relation"]);
      if (kind !== "IndexStmt" || node["concurrent"] === true || seen.isNewTable(table)) return [];
      return [{ what: `builds ${indexName(node)} on ${table}`, table }];
    },
  },
  {
    id: "require-concurrent-index-deletion",
    severity: "blocking",
    effect: "Nobody can read or write the table until the transaction ends.",
    safe: `Say DROP INDEX CONCURRENTLY, ${ALONE}.`,
    find({ kind, node }, seen) {
      if (kind !== "DropStmt" || node["removeType"] !== "OBJECT_INDEX" || node["concurrent"] === true) return [];
      const names = droppedNames(node).filter((name) => !seen.isNewIndex(name));
      return names.length === 0 ? [] : [{ what: `drops the index ${names.join(", ")}` }];
    },
  },
  {
    id: "require-concurrent-reindex",
    severity: "blocking",
    effect: "Nobody can write to the table while its indexes are built.",
    safe: `Say REINDEX … CONCURRENTLY, ${ALONE}.`,
    find: ({ kind, node }) =>
      kind === "ReindexStmt" && !JSON.stringify(node["params"] ?? "").includes('"concurrently"')
        ? [
            {
              what: `builds the indexes of ${relationName(node["relation"]) || "the database"} anew`,
              table: relationName(node["relation"]),
            },
          ]
        : [],
  },
  {
    id: "ban-concurrent-index-creation-in-transaction",
    severity: "blocking",
    effect: "It fails: what is done concurrently cannot be part of a transaction.",
    safe: `Write it ${ALONE}.`,
    find: (statement, seen) =>
      isConcurrent(statement) && !seen.isOutsideTransaction ? [{ what: "works concurrently inside a transaction" }] : [],
  },
  {
    id: "require-concurrent-refresh",
    severity: "blocking",
    effect: "Nobody can read the view while its rows are computed.",
    safe: "Give it a unique index, and say REFRESH MATERIALIZED VIEW CONCURRENTLY.",
    find: ({ kind, node }, seen) => {
      const table = relationName(node["relation"]);
      if (kind !== "RefreshMatViewStmt" || node["concurrent"] === true || seen.isNewTable(table)) return [];
      return [{ what: `computes ${table} anew`, table }];
    },
  },
  {
    id: "adding-foreign-key-constraint",
    severity: "blocking",
    effect: "Nobody can write to either table while every row is checked.",
    safe: "Add it NOT VALID, and VALIDATE CONSTRAINT in a migration of its own.",
    find: (statement, seen) => [
      ...constraintsOf(statement, seen, "CONSTR_FOREIGN")
        .filter((constraint) => constraint["skip_validation"] !== true)
        .map((constraint) => ({
          what: `adds ${constraintName("the foreign key", constraint)} to ${tableOf(statement)}`,
          table: tableOf(statement),
        })),
      ...addedColumns(statement, seen)
        .filter(
          ({ constraints }) =>
            has(constraints, "CONSTR_FOREIGN") && (has(constraints, "CONSTR_DEFAULT") || has(constraints, "CONSTR_NOTNULL")),
        )
        .map(({ table, name }) => ({ what: `adds a foreign key with the column ${table}.${name}`, table })),
    ],
  },
  {
    id: "constraint-missing-not-valid",
    severity: "blocking",
    effect: "Nobody can read or write the table while every row is checked.",
    safe: "Add it NOT VALID, and VALIDATE CONSTRAINT in a migration of its own.",
    find: (statement, seen) =>
      constraintsOf(statement, seen, "CONSTR_CHECK")
        .filter((constraint) => constraint["skip_validation"] !== true)
        .map((constraint) => ({
          what: `adds ${constraintName("the check", constraint)} to ${tableOf(statement)}`,
          table: tableOf(statement),
        })),
  },
  {
    id: "validating-in-same-transaction",
    severity: "blocking",
    effect: "The lock of the constraint's addition is kept while every row is checked.",
    safe: "Write VALIDATE CONSTRAINT into a migration of its own.",
    find: (statement, seen) =>
      alterCommands(statement)
        .filter(({ subtype, name }) => subtype === "AT_ValidateConstraint" && seen.isOfThisTransaction(tableOf(statement), name))
        .filter(() => !seen.isNewTable(tableOf(statement)))
        .map(({ name }) => ({ what: `validates ${tableOf(statement)}.${name} right after adding it`, table: tableOf(statement) })),
  },
  uniqueRule("disallowed-unique-constraint", "CONSTR_UNIQUE", "the unique constraint", "CREATE UNIQUE INDEX CONCURRENTLY"),
  uniqueRule("adding-primary-key-constraint", "CONSTR_PRIMARY", "the primary key", "CREATE UNIQUE INDEX CONCURRENTLY"),
  {
    id: "adding-exclusion-constraint",
    severity: "blocking",
    effect: "Nobody can read or write the table while every row is checked, and there is no other way.",
    safe: "Do it while the table is small.",
    find: (statement, seen) =>
      constraintsOf(statement, seen, "CONSTR_EXCLUSION").map((constraint) => ({
        what: `adds ${constraintName("the exclusion constraint", constraint)} to ${tableOf(statement)}`,
        table: tableOf(statement),
      })),
  },
  {
    id: "adding-not-nullable-field",
    severity: "blocking",
    effect: "It fails where a row has none, and nobody can read or write the table while every row is looked at.",
    safe: "Add CHECK (column IS NOT NULL) NOT VALID, validate it in a second migration, and SET NOT NULL in a third: then no row is looked at.",
    find: (statement, seen) =>
      alterCommands(statement)
        .filter(({ subtype, name }) => subtype === "AT_SetNotNull" && !seen.hasNotNullCheck(tableOf(statement), name))
        .filter(() => !seen.isNewTable(tableOf(statement)))
        .map(({ name }) => ({ what: `makes ${tableOf(statement)}.${name} required`, table: tableOf(statement) })),
  },
  {
    id: "adding-required-field",
    severity: "blocking",
    effect: "It fails where the table has a row, and code that does not know the column can add none.",
    safe: "Give it a default, or add it without NOT NULL and fill it.",
    find: (statement, seen) =>
      addedColumns(statement, seen)
        .filter(
          ({ constraints, type }) =>
            (has(constraints, "CONSTR_NOTNULL") || has(constraints, "CONSTR_PRIMARY")) && !hasValue(constraints, type),
        )
        .map(({ table, name }) => ({ what: `adds the column ${table}.${name}, required and without a default`, table })),
  },
  {
    id: "adding-field-with-default",
    severity: "blocking",
    effect: "Every row is written anew while nobody can read or write the table.",
    safe: "Add the column without it, set the default, and fill the rows that exist with an UPDATE.",
    find: (statement, seen) =>
      addedColumns(statement, seen).flatMap(({ table, name, type, constraints }) => {
        const how = rewriteCause(type, constraints);
        return how === undefined ? [] : [{ what: `adds the column ${table}.${name}, ${how}`, table }];
      }),
  },
  {
    id: "backfill-in-one-statement",
    severity: "blocking",
    effect: "Every row is written, and nobody else can change one until the transaction ends.",
    safe: "Fill a large table in several migrations, each with a WHERE for a part of the rows.",
    find: ({ kind, node }, seen) => {
      const table = relationName(node["relation"]);
      if (kind !== "UpdateStmt" || seen.isNewTable(table)) return [];
      const columns = ((node["targetList"] ?? []) as { ResTarget?: { name?: string } }[]).map(({ ResTarget }) => ResTarget?.name ?? "");
      const fills = columns.every((column) => seen.isNewColumn(table, column));
      if (!fills || (!isUnfiltered(node) && node["fromClause"] === undefined)) return [];
      return [{ what: `fills ${columns.join(", ")} in every row of ${table}`, table }];
    },
  },
  {
    id: "ban-alter-domain-with-add-constraint",
    severity: "blocking",
    effect: "Every table with a column of that domain is locked while its rows are checked.",
    safe: "Add it NOT VALID, and VALIDATE CONSTRAINT in a migration of its own.",
    find: ({ kind, node }) => {
      const constraint = (node["def"] as Node | undefined)?.["Constraint"] as Node | undefined;
      if (kind !== "AlterDomainStmt" || node["subtype"] !== "C" || constraint?.["skip_validation"] === true) return [];
      return [{ what: `adds a rule to the domain ${svals(node["typeName"]).join(".")}` }];
    },
  },
  {
    id: "ban-vacuum-full",
    severity: "blocking",
    effect: "Nobody can read or write the table while it is written anew.",
    safe: "Leave it out: PostgreSQL uses the room again by itself.",
    find({ kind, node }) {
      const isFull = kind === "VacuumStmt" && JSON.stringify(node["options"] ?? "").includes('"full"');
      if (!isFull && kind !== "ClusterStmt") return [];
      return [{ what: isFull ? "vacuums a table in full" : `writes ${relationName(node["relation"])} anew in the order of an index` }];
    },
  },
  {
    id: "ban-lock-table",
    severity: "blocking",
    effect: "Others wait until the transaction ends.",
    safe: "Leave it out: each statement takes the lock that it needs.",
    find: ({ kind, node }) =>
      kind === "LockStmt"
        ? ((node["relations"] ?? []) as { RangeVar?: Node }[]).map(({ RangeVar }) => ({
            what: `locks ${relationName(RangeVar)}`,
            table: relationName(RangeVar),
          }))
        : [],
  },
  {
    id: "transaction-nesting",
    severity: "blocking",
    effect: "Each migration is a transaction already: what follows would run outside of it.",
    safe: "Leave BEGIN, COMMIT and SAVEPOINT out.",
    find: ({ kind }) => (kind === "TransactionStmt" ? [{ what: "controls the transaction" }] : []),
  },
];

/** What can only be done outside of a transaction. */
export function isConcurrent({ kind, node }: Statement): boolean {
  if (kind === "ReindexStmt") return JSON.stringify(node["params"] ?? "").includes('"concurrently"');
  if (kind === "IndexStmt" || kind === "DropStmt") return node["concurrent"] === true;
  return [...walk(node["cmds"])].some(([key, value]) => key === "PartitionCmd" && (value as Node)["concurrent"] === true);
}

function uniqueRule(id: string, type: string, name: string, index: string): Rule {
  return {
    id,
    severity: "blocking",
    effect: "Nobody can read or write the table while its index is built.",
    safe: `Build the index with ${index} first, ${ALONE}, and add the constraint USING INDEX.`,
    find: (statement, seen) => [
      ...constraintsOf(statement, seen, type)
        .filter((constraint) => constraint["indexname"] === undefined)
        .map((constraint) => ({ what: `adds ${constraintName(name, constraint)} to ${tableOf(statement)}`, table: tableOf(statement) })),
      ...addedColumns(statement, seen)
        .filter(({ constraints }) => has(constraints, type))
        .map((column) => ({ what: `adds ${name} with the column ${column.table}.${column.name}`, table: column.table })),
    ],
  };
}

function tableOf(statement: Statement): string {
  return relationName(statement.node["relation"]);
}

function constraintsOf(statement: Statement, seen: Seen, type: string): Node[] {
  if (seen.isNewTable(tableOf(statement))) return [];
  return addedConstraints(statement).filter((constraint) => constraint["contype"] === type);
}

function addedColumns(statement: Statement, seen: Seen): Column[] {
  return columnsOf(statement).filter(({ added, table }) => added && !seen.isNewTable(table));
}

function constraintName(kind: string, constraint: Node): string {
  return typeof constraint["conname"] === "string" ? `${kind} ${constraint["conname"]}` : kind;
}

function indexName(node: Node): string {
  const name = typeof node["idxname"] === "string" ? ` ${node["idxname"]}` : "";
  return `${node["unique"] === true ? "the unique index" : "the index"}${name}`;
}

function has(constraints: readonly Node[], type: string): boolean {
  return constraints.some((constraint) => constraint["contype"] === type);
}

function hasValue(constraints: readonly Node[], type: string): boolean {
  const isGiven = ["CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"].some((one) => has(constraints, one));
  return isGiven || SERIAL.has(type);
}

/** Why PostgreSQL has to write every row for a new column. */
function rewriteCause(type: string, constraints: readonly Node[]): string | undefined {
  if (SERIAL.has(type) || has(constraints, "CONSTR_IDENTITY")) return "numbered";
  if (has(constraints, "CONSTR_GENERATED")) return "computed from others";
  const given = constraints.find((constraint) => constraint["contype"] === "CONSTR_DEFAULT");
  const volatile = [...walk(given)].flatMap(([key, value]) =>
    key === "FuncCall" ? [svals((value as Node)["funcname"]).at(-1) ?? ""] : [],
  );
  const name = volatile.find((one) => !STABLE.has(one));
  return name === undefined ? undefined : `with the default ${name}()`;
}
