/** Rules on what loses rows, values, or something that code relies on. */
import { walk, type Node, type Statement } from "../statements.ts";
import { alterCommands, doesLater, droppedNames, isUnfiltered, nested, relationName, svals, type AlterCommand, type Rule } from "./rule.ts";
import type { Seen } from "./seen.ts";

type Drop = Pick<Rule, "id" | "effect" | "safe"> & { types: Record<string, string> };

const DROPS: Drop[] = [
  {
    id: "ban-drop-table",
    types: { OBJECT_TABLE: "table", OBJECT_FOREIGN_TABLE: "foreign table", OBJECT_MATVIEW: "matview" },
    effect: "All of its rows are lost, and code that reads it fails.",
    safe: "Release code that no longer uses it first, and drop it in a later release.",
  },
  {
    id: "ban-drop-schema",
    types: { OBJECT_SCHEMA: "schema" },
    effect: "Everything in it is lost.",
    safe: "Drop single tables, once no code uses them.",
  },
  {
    id: "ban-drop-sequence",
    types: { OBJECT_SEQUENCE: "sequence" },
    effect: "The next number is lost, and with it the promise that none comes twice.",
    safe: "Drop it with the column that it belongs to.",
  },
  {
    id: "ban-drop-type",
    types: { OBJECT_TYPE: "type", OBJECT_DOMAIN: "domain" },
    effect: "Code that names it fails; with CASCADE the columns of that type go with their values.",
    safe: "Give its columns another type first, and drop it in a later release.",
  },
  {
    id: "ban-drop-view",
    types: { OBJECT_VIEW: "view" },
    effect: "Code that reads it fails.",
    safe: "Release code that no longer reads it first, or replace it with CREATE OR REPLACE VIEW.",
  },
  {
    id: "ban-drop-function",
    types: { OBJECT_FUNCTION: "function", OBJECT_PROCEDURE: "procedure", OBJECT_ROUTINE: "routine", OBJECT_AGGREGATE: "aggregate" },
    effect: "Code, defaults and triggers that call it fail.",
    safe: "Release code that no longer calls it first, or replace it with CREATE OR REPLACE FUNCTION.",
  },
];

/** A DROP of anything; what a cascade takes along is nowhere written down. */
function dropRule({ types, ...rule }: Drop): Rule {
  return {
    ...rule,
    severity: "destructive",
    find({ kind, node }, seen) {
      const type = types[String(node["removeType"])];
      if (kind !== "DropStmt" || type === undefined) return [];
      const names = droppedNames(node);
      const cascades = node["behavior"] === "DROP_CASCADE";
      const lost = cascades ? names : names.filter((name) => !seen.isNewTable(name));
      if (lost.length === 0) return [];
      return [{ what: `drops the ${type} ${lost.join(", ")}${cascades ? " and what depends on it" : ""}`, table: lost[0] }];
    },
  };
}

const RENAMED: Record<string, string> = {
  OBJECT_VIEW: "view",
  OBJECT_MATVIEW: "matview",
  OBJECT_SEQUENCE: "sequence",
  OBJECT_TYPE: "type",
  OBJECT_DOMAIN: "domain",
  OBJECT_FUNCTION: "function",
  OBJECT_ATTRIBUTE: "attribute",
};

export const DESTRUCTIVE_RULES: readonly Rule[] = [
  ...DROPS.map(dropRule),
  {
    id: "ban-drop-cascade",
    severity: "destructive",
    effect: "What depends on it goes too, and nothing in the file says what that is.",
    safe: "Drop what depends on it by name, and leave CASCADE out.",
    find({ kind, node }) {
      const known = DROPS.some(({ types }) => types[String(node["removeType"])] !== undefined);
      if (kind !== "DropStmt" || node["behavior"] !== "DROP_CASCADE" || known) return [];
      const type = String(node["removeType"]).replace("OBJECT_", "").toLowerCase().replaceAll("_", " ");
      return [{ what: `drops the ${type} ${droppedNames(node).join(", ")} and what depends on it` }];
    },
  },
  {
    id: "ban-drop-column",
    severity: "destructive",
    effect: "Its values are lost, and code that names it fails.",
    safe: "Release code that no longer names it first, and drop it in a later release.",
    find: (statement, seen) =>
      commandsOf(statement, "AT_DropColumn", seen).map(({ table, name, cascades }) => ({
        what: `drops the column ${table}.${name}${cascades ? " and what depends on it" : ""}`,
        table,
      })),
  },
  {
    id: "ban-drop-database",
    severity: "destructive",
    effect: "Every row of it is lost.",
    safe: "Leave databases to the platform.",
    find: ({ kind, node }) => (kind === "DropdbStmt" ? [{ what: `drops the database ${String(node["dbname"])}` }] : []),
  },
  {
    id: "ban-drop-owned",
    severity: "destructive",
    effect: "Every table of that role is lost.",
    safe: "Drop single tables, once no code uses them.",
    find: ({ kind }) => (kind === "DropOwnedStmt" ? [{ what: "drops all that a role owns" }] : []),
  },
  {
    id: "ban-truncate",
    severity: "destructive",
    effect: "All of its rows are lost.",
    safe: "Delete the rows that are not needed, with a WHERE that says which.",
    find: ({ kind, node }, seen) =>
      kind === "TruncateStmt" && node["behavior"] !== "DROP_CASCADE"
        ? truncated(node)
            .filter((table) => !seen.isNewTable(table))
            .map((table) => ({ what: `empties ${table}`, table }))
        : [],
  },
  {
    id: "ban-truncate-cascade",
    severity: "destructive",
    effect: "All of its rows are lost, and all rows of every table that refers to it.",
    safe: "Name the tables to empty, and leave CASCADE out.",
    find: ({ kind, node }) =>
      kind === "TruncateStmt" && node["behavior"] === "DROP_CASCADE"
        ? truncated(node).map((table) => ({ what: `empties ${table} and every table that refers to it`, table }))
        : [],
  },
  {
    id: "ban-delete-without-where",
    severity: "destructive",
    effect: "All of its rows are lost.",
    safe: "Add a WHERE that says which rows.",
    find: (statement, seen) =>
      nested(statement, ["DeleteStmt"])
        .filter(({ node }) => isUnfiltered(node))
        .map(({ node }) => relationName(node["relation"]))
        .filter((table) => !seen.isNewTable(table))
        .map((table) => ({ what: `deletes every row of ${table}`, table })),
  },
  {
    id: "ban-update-without-where",
    severity: "destructive",
    effect: "The values that stand there are lost.",
    safe: "Add a WHERE that says which rows; to fill a column, add it in the same migration.",
    find: (statement, seen) =>
      nested(statement, ["UpdateStmt"])
        .filter(({ node }) => overwrites(node, node["whereClause"], seen))
        .map(({ node }) => relationName(node["relation"]))
        .map((table) => ({ what: `rewrites every row of ${table}`, table })),
  },
  {
    id: "ban-merge-delete",
    severity: "destructive",
    effect: "Rows that match are lost.",
    safe: "Delete with a WHERE that says which rows.",
    find: (statement, seen) =>
      nested(statement, ["MergeStmt"])
        .filter(({ node }) => [...walk(node["mergeWhenClauses"])].some(([key, value]) => key === "commandType" && value === "CMD_DELETE"))
        .map(({ node }) => relationName(node["relation"]))
        .filter((table) => !seen.isNewTable(table))
        .map((table) => ({ what: `deletes merged rows of ${table}`, table })),
  },
  {
    id: "ban-merge-update",
    severity: "destructive",
    effect: "The values that stand in rows that match are lost.",
    safe: "Add to WHEN MATCHED a condition on what stands there.",
    find: (statement, seen) =>
      nested(statement, ["MergeStmt"])
        .filter(({ node }) =>
          updatesOf(node).some((clause) => overwrites({ ...clause, relation: node["relation"] }, clause["condition"], seen)),
        )
        .map(({ node }) => relationName(node["relation"]))
        .map((table) => ({ what: `overwrites merged rows of ${table}`, table })),
  },
  {
    id: "ban-upsert-without-where",
    severity: "destructive",
    effect: "The values that stand in rows of the same key are lost.",
    safe: "Add to DO UPDATE a WHERE on what stands there, or say DO NOTHING.",
    find: (statement, seen) =>
      nested(statement, ["InsertStmt"])
        .map(({ node }) => ({ node, clause: (node["onConflictClause"] ?? {}) as Node }))
        .filter(({ clause }) => clause["action"] === "ONCONFLICT_UPDATE")
        .filter(({ node, clause }) => overwrites({ ...clause, relation: node["relation"] }, clause["whereClause"], seen))
        .map(({ node }) => relationName(node["relation"]))
        .map((table) => ({ what: `overwrites rows of ${table} that have the same key`, table })),
  },
  {
    id: "changing-column-type",
    severity: "destructive",
    effect: "Values that do not fit are cut, rounded or refused; the table is written anew while nobody can read it.",
    safe: "Add a column of the new type, fill it, release code that uses it, and drop the old one later.",
    find: (statement, seen) =>
      commandsOf(statement, "AT_AlterColumnType", seen).map(({ table, name }) => ({ what: `changes the type of ${table}.${name}`, table })),
  },
  {
    id: "renaming-column",
    severity: "destructive",
    effect: "Code that names it by its old name fails.",
    safe: "Add a column of the new name, fill it, release code that uses it, and drop the old one later.",
    find: (statement, seen) =>
      renamed(statement, "OBJECT_COLUMN")
        .filter(({ table, name }) => !seen.isNewColumn(table, name))
        .map(({ table, name }) => ({ what: `renames the column ${table}.${name}`, table })),
  },
  {
    id: "renaming-table",
    severity: "destructive",
    effect: "Code that names it by its old name fails.",
    safe: "Rename it and make a view of the old name, which code may use until it is released anew.",
    find: (statement, seen) =>
      renamed(statement, "OBJECT_TABLE")
        .filter(({ table }) => !seen.isNewTable(table))
        .map(({ table }) => ({ what: `renames the table ${table}`, table })),
  },
  {
    id: "renaming-object",
    severity: "destructive",
    effect: "Code that names it by its old name fails.",
    safe: "Make another one of the new name, and drop the old one in a later release.",
    find(statement) {
      const { kind, node } = statement;
      if (kind === "AlterEnumStmt" && typeof node["oldVal"] === "string")
        return [{ what: `renames a value of the type ${svals(node["typeName"]).join(".")}` }];
      const type = RENAMED[String(node["renameType"])];
      if (kind !== "RenameStmt" || type === undefined) return [];
      return [{ what: `renames the ${type} ${renamedName(node)}` }];
    },
  },
  {
    id: "ban-drop-default",
    severity: "destructive",
    effect: "Code that leaves the column out writes null from now on, or fails where it is required.",
    safe: "Release code that fills the column first.",
    find: (statement, seen) =>
      alterCommands(statement)
        .filter(({ subtype, def }) => subtype === "AT_ColumnDefault" && Object.keys(def).length === 0)
        .map(({ name }) => ({ table: relationName(statement.node["relation"]), name }))
        .filter(
          ({ table, name }) => !seen.isNewColumn(table, name) && !doesLater(seen.later, table, (command) => setsDefault(command, name)),
        )
        .map(({ table, name }) => ({ what: `drops the default of ${table}.${name}`, table })),
  },
  {
    id: "ban-detach-partition",
    severity: "destructive",
    effect: "Its rows are no longer found in the table.",
    safe: "Copy what is still needed first, and release code that does not look for it.",
    find: (statement) =>
      alterCommands(statement)
        .filter(({ subtype }) => subtype === "AT_DetachPartition")
        .map(({ def }) => {
          const table = relationName(statement.node["relation"]);
          const partition = relationName((def["PartitionCmd"] as Node | undefined)?.["name"]);
          return { what: `takes the partition ${partition} out of ${table}`, table };
        }),
  },
  {
    id: "ban-revoke",
    severity: "destructive",
    effect: "Code that runs as that role fails.",
    safe: "Leave privileges to the platform.",
    find: ({ kind, node }) =>
      (kind === "GrantStmt" || kind === "GrantRoleStmt") && node["is_grant"] !== true ? [{ what: "takes privileges away" }] : [],
  },
];

function setsDefault({ subtype, name, def }: AlterCommand, column: string): boolean {
  return subtype === "AT_ColumnDefault" && name === column && Object.keys(def).length > 0;
}

/** The commands of one kind on what is not new. */
function commandsOf(statement: Statement, subtype: string, seen: Seen): { table: string; name: string; cascades: boolean }[] {
  const table = relationName(statement.node["relation"]);
  return alterCommands(statement)
    .filter((command) => command.subtype === subtype && !seen.isNewColumn(table, command.name))
    .map(({ name, cascades }) => ({ table, name, cascades }));
}

function truncated(node: Node): string[] {
  return ((node["relations"] ?? []) as { RangeVar?: Node }[]).map(({ RangeVar }) => relationName(RangeVar));
}

function updatesOf(merge: Node): Node[] {
  return ((merge["mergeWhenClauses"] ?? []) as { MergeWhenClause?: Node }[]).flatMap(({ MergeWhenClause: clause }) =>
    clause?.["commandType"] === "CMD_UPDATE" ? [clause] : [],
  );
}

/** Every row that is reached gets another value where one stood before; filling a column that is new loses none. */
function overwrites(node: Node, condition: unknown, seen: Seen): boolean {
  const table = relationName(node["relation"]);
  const columns = ((node["targetList"] ?? []) as { ResTarget?: { name?: string } }[]).map(({ ResTarget }) => ResTarget?.name ?? "");
  return isUnfiltered({ whereClause: condition }) && !columns.every((column) => seen.isNewColumn(table, column));
}

function renamed({ kind, node }: Statement, type: string): { table: string; name: string }[] {
  if (kind !== "RenameStmt" || node["renameType"] !== type) return [];
  return [{ table: relationName(node["relation"]), name: String(node["subname"] ?? "") }];
}

function renamedName(node: Node): string {
  if (node["relation"] !== undefined) return relationName(node["relation"]);
  return droppedNames({ objects: [node["object"]] }).join("");
}
