/** What a rule is, and how rules read the syntax tree. */
import { walk, type Node, type Statement } from "../statements.ts";
import type { Seen } from "./seen.ts";

/**
 * - `destructive`: loses rows, values or something that code relies on; always stated.
 * - `blocking`: others wait for as long as the table is large, or it fails on a table that has rows; the rehearsal says how long.
 * - `advice`: works, and is regretted later.
 */
export type Severity = "destructive" | "blocking" | "advice";

export interface Hit {
  /** What the statement does, with the names that stand in it: "drops the column post.title". */
  what: string;
  /** As the statement names it; absent where it is about no table. */
  table?: string | undefined;
}

export interface Rule {
  /** Stable: migrations name it to accept a finding. */
  id: string;
  severity: Severity;
  /** What is lost or blocked. One sentence. */
  effect: string;
  /** The safe form. One imperative sentence. */
  safe: string;
  find(statement: Statement, seen: Seen): Hit[];
}

export interface AlterCommand {
  subtype: string;
  /** Of the column or constraint. */
  name: string;
  def: Node;
  cascades: boolean;
  /** IF EXISTS of a DROP, IF NOT EXISTS of an ADD. */
  isLenient: boolean;
}

/** `schema.table` or `table`, as it is written; "" where there is none. */
export function relationName(relation: unknown): string {
  const { schemaname, relname } = (relation ?? {}) as { schemaname?: string; relname?: string };
  return [schemaname, relname].filter((part) => part !== undefined).join(".");
}

/** The commands of an ALTER TABLE; none for any other statement. */
export function alterCommands({ kind, node }: Statement): AlterCommand[] {
  if (kind !== "AlterTableStmt") return [];
  return ((node["cmds"] ?? []) as { AlterTableCmd: Node }[]).map(({ AlterTableCmd: command }) => ({
    subtype: String(command["subtype"]),
    name: typeof command["name"] === "string" ? command["name"] : "",
    def: (command["def"] ?? {}) as Node,
    cascades: command["behavior"] === "DROP_CASCADE",
    isLenient: command["missing_ok"] === true,
  }));
}

/** Whether one of the statements does this to a table again. */
export function doesLater(statements: readonly Statement[], table: string, does: (command: AlterCommand) => boolean): boolean {
  return statements.some((one) => relationName(one.node["relation"]) === table && alterCommands(one).some(does));
}

/** Names that a DROP lists, each `schema.name` or `name`; of a trigger or a policy `table.name`. */
export function droppedNames(node: Node): string[] {
  return ((node["objects"] ?? []) as Node[]).map((object) => nameIn(object));
}

function nameIn(object: Node): string {
  const [kind, value] = Object.entries(object)[0] ?? [];
  const named = value as Node;
  if (kind === "List") return svals(named["items"]).join(".");
  if (kind === "ObjectWithArgs") return svals(named["objname"]).join(".");
  if (kind === "TypeName") return svals(named["names"]).join(".");
  return svals([object]).join(".");
}

/** The strings of a list of names. */
export function svals(list: unknown): string[] {
  return ((list ?? []) as { String?: { sval?: string } }[]).flatMap(({ String: one }) => (one?.sval === undefined ? [] : [one.sval]));
}

export interface Column {
  table: string;
  name: string;
  /** The last part of the type's name, as the parser spells it: `int4`, `bpchar`, `serial`. */
  type: string;
  /** `varchar(20)` has one. */
  hasLength: boolean;
  constraints: Node[];
  /** In a CREATE TABLE, or by ALTER TABLE … ADD. */
  added: boolean;
  /** IF NOT EXISTS: one of that name may be there already. */
  mayBeThere: boolean;
}

/** The columns that the statement defines. */
export function columnsOf(statement: Statement): Column[] {
  const table = relationName(statement.node["relation"]);
  const created =
    statement.kind === "CreateStmt"
      ? ((statement.node["tableElts"] ?? []) as Node[]).flatMap((element) => (element["ColumnDef"] === undefined ? [] : [element]))
      : [];
  const added = alterCommands(statement).filter(({ subtype }) => subtype === "AT_AddColumn");
  return [
    ...created.map((def) => columnOf(table, def, { added: false, mayBeThere: statement.node["if_not_exists"] === true })),
    ...added.map(({ def, isLenient }) => columnOf(table, def, { added: true, mayBeThere: isLenient })),
  ];
}

function columnOf(table: string, def: Node, how: Pick<Column, "added" | "mayBeThere">): Column {
  const { colname, typeName, constraints } = def["ColumnDef"] as {
    colname?: string;
    typeName?: Node;
    constraints?: { Constraint: Node }[];
  };
  return {
    table,
    name: colname ?? "",
    type: typeOf(typeName),
    hasLength: typeName?.["typmods"] !== undefined,
    constraints: (constraints ?? []).map(({ Constraint }) => Constraint),
    ...how,
  };
}

export function typeOf(typeName: unknown): string {
  return svals((typeName as Node | undefined)?.["names"]).at(-1) ?? "";
}

/** Constraints that an ALTER TABLE adds as such. */
export function addedConstraints(statement: Statement): Node[] {
  return alterCommands(statement).flatMap(({ subtype, def }) =>
    subtype === "AT_AddConstraint" && def["Constraint"] !== undefined ? [def["Constraint"] as Node] : [],
  );
}

/** The statement itself, and those that stand in its WITH. */
export function nested(statement: Statement, kinds: readonly string[]): { kind: string; node: Node }[] {
  const inside = [...walk(statement.node)].filter(([key]) => kinds.includes(key)).map(([kind, node]) => ({ kind, node: node as Node }));
  return kinds.includes(statement.kind) ? [{ kind: statement.kind, node: statement.node }, ...inside] : inside;
}

/** Whether it reaches every row: no condition, or one that is the same for all of them. */
export function isUnfiltered(node: Node): boolean {
  const where = node["whereClause"] as Node | undefined;
  if (where === undefined) return true;
  return ![...walk(where)].some(([key]) => key === "ColumnRef" || key === "SubLink" || key === "CurrentOfExpr");
}
