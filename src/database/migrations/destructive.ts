/** What of a migration loses data or breaks the code that runs now, in words with the names that stand in it. */
import { readStatements, walk, type Statement } from "./statements.ts";

type Node = Record<string, unknown>;

/** What rows or values can stand in. */
const HOLDS_DATA = new Set(["TABLE", "MATVIEW", "SEQUENCE", "TYPE", "DOMAIN", "FOREIGN_TABLE"]);

/** One line per step: `line 3: drops the column post.title`. Throws `migration-syntax` (author). */
export async function destructiveSteps(path: string, sql: string): Promise<string[]> {
  return (await readStatements(path, sql)).flatMap((statement) => stepsOf(statement).map((what) => `line ${statement.line}: ${what}`));
}

function stepsOf({ kind, node }: Statement): string[] {
  const steps = ownSteps(kind, node);
  // A DELETE or UPDATE may also stand in a WITH of another statement.
  for (const [key, value] of walk(node)) {
    if (key === "DeleteStmt" || key === "UpdateStmt" || key === "MergeStmt") steps.push(...ownSteps(key, value as Node));
  }
  return steps;
}

function ownSteps(kind: string, node: Node): string[] {
  const table = relationName(node["relation"]);
  switch (kind) {
    case "DropStmt": {
      const type = String(node["removeType"]).replace("OBJECT_", "");
      const cascades = node["behavior"] === "DROP_CASCADE";
      if (!HOLDS_DATA.has(type) && !cascades) return [];
      const names = ((node["objects"] ?? []) as Node[]).map(objectName).join(", ");
      return [`drops the ${type.toLowerCase().replaceAll("_", " ")} ${names}${cascades ? " and what depends on it" : ""}`];
    }
    case "TruncateStmt":
      return ((node["relations"] ?? []) as { RangeVar?: Node }[]).map(({ RangeVar }) => `empties ${relationName(RangeVar)}`);
    case "DeleteStmt":
      return isUnfiltered(node) ? [`deletes every row of ${table}`] : [];
    case "UpdateStmt":
      return isUnfiltered(node) ? [`rewrites every row of ${table}`] : [];
    case "MergeStmt":
      return [...walk(node["mergeWhenClauses"])].some(([key, value]) => key === "commandType" && value === "CMD_DELETE")
        ? [`deletes merged rows of ${table}`]
        : [];
    case "RenameStmt": {
      const type = String(node["renameType"]).replace("OBJECT_", "").toLowerCase();
      if (type !== "table" && type !== "column") return [];
      return [`renames the ${type} ${table}${type === "column" ? `.${String(node["subname"])}` : ""}`];
    }
    case "AlterTableStmt":
      return ((node["cmds"] ?? []) as { AlterTableCmd: { subtype: string; name?: string } }[]).flatMap(
        ({ AlterTableCmd: { subtype, name = "" } }) => {
          if (subtype === "AT_DropColumn") return [`drops the column ${table}.${name}`];
          return subtype === "AT_AlterColumnType" ? [`changes the type of ${table}.${name}`] : [];
        },
      );
    default:
      return [];
  }
}

function isUnfiltered(node: Node): boolean {
  const where = node["whereClause"] as { A_Const?: { boolval?: { boolval?: boolean } } } | undefined;
  return where === undefined || where.A_Const?.boolval?.boolval === true;
}

function relationName(relation: unknown): string {
  const { schemaname, relname } = (relation ?? {}) as { schemaname?: string; relname?: string };
  return [schemaname, relname].filter((part) => part !== undefined).join(".");
}

function objectName(object: Node): string {
  const names = [...walk(object)].filter(([key, value]) => key === "sval" && typeof value === "string").map(([, value]) => value as string);
  return names.join(".");
}
