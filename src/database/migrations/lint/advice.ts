/** Rules on what works and is regretted later. */
import { addedConstraints, alterCommands, columnsOf, droppedNames, relationName, svals, type Column, type Rule } from "./rule.ts";

/** PostgreSQL cuts longer names off, in bytes. */
const NAME_BYTES = 63;

export const ADVICE_RULES: readonly Rule[] = [
  typeRule({
    id: "prefer-bigint-over-int",
    matches: ({ type }) => type === "int4",
    effect: "It ends at 2,147,483,647, and a larger type later means writing the table anew.",
    safe: "Use bigint.",
  }),
  typeRule({
    id: "prefer-bigint-over-smallint",
    matches: ({ type }) => type === "int2",
    effect: "It ends at 32,767, and a larger type later means writing the table anew.",
    safe: "Use bigint.",
  }),
  typeRule({
    id: "prefer-identity",
    matches: ({ type }) => /^(big|small)?serial[248]?$/.test(type),
    effect: "Its sequence has privileges and a life of its own.",
    safe: "Use bigint generated always as identity.",
  }),
  typeRule({
    id: "prefer-text-field",
    matches: ({ type, hasLength }) => type === "varchar" && hasLength,
    effect: "A shorter length later means looking at every row under a lock.",
    safe: "Use text with a check on its length.",
  }),
  typeRule({
    id: "ban-char-field",
    matches: ({ type }) => type === "bpchar" || type === "char",
    effect: "It fills values up with spaces.",
    safe: "Use text.",
  }),
  typeRule({
    id: "prefer-timestamptz",
    matches: ({ type }) => type === "timestamp" || type === "timetz",
    effect: "Which moment it means depends on who reads it.",
    safe: "Use timestamptz.",
  }),
  typeRule({
    id: "prefer-jsonb",
    matches: ({ type }) => type === "json",
    effect: "It has no equality, so that DISTINCT and GROUP BY fail, and no index can look into it.",
    safe: "Use jsonb.",
  }),
  typeRule({
    id: "ban-money-field",
    matches: ({ type }) => type === "money",
    effect: "What it shows and reads depends on a setting of the server.",
    safe: "Use numeric, or bigint in the smallest unit.",
  }),
  {
    id: "ban-drop-not-null",
    severity: "advice",
    effect: "Code that reads the column may meet a null that it does not expect.",
    safe: "Release code that expects it first.",
    find: (statement, seen) => {
      const table = relationName(statement.node["relation"]);
      return alterCommands(statement)
        .filter(({ subtype, name }) => subtype === "AT_DropNotNull" && !seen.isNewColumn(table, name))
        .map(({ name }) => ({ what: `makes ${table}.${name} optional`, table }));
    },
  },
  {
    id: "ban-drop-constraint",
    severity: "advice",
    effect: "Nothing checks it from now on, and adding it again means looking at every row.",
    safe: "Add what takes its place in the same migration.",
    find: (statement, seen) => {
      const table = relationName(statement.node["relation"]);
      const replaced = [statement, ...seen.later]
        .filter((one) => relationName(one.node["relation"]) === table)
        .flatMap((one) => addedConstraints(one).map((constraint) => constraint["conname"]));
      return alterCommands(statement)
        .filter(({ subtype, name }) => subtype === "AT_DropConstraint" && !replaced.includes(name) && !seen.isNewTable(table))
        .map(({ name }) => ({ what: `drops the constraint ${table}.${name}`, table }));
    },
  },
  {
    id: "ban-drop-trigger",
    severity: "advice",
    effect: "What it did for every row no longer happens.",
    safe: "Replace it with CREATE OR REPLACE TRIGGER.",
    find: ({ kind, node }) =>
      kind === "DropStmt" && node["removeType"] === "OBJECT_TRIGGER"
        ? droppedNames(node).map((name) => ({ what: `drops the trigger ${name}` }))
        : [],
  },
  {
    id: "ban-drop-policy",
    severity: "advice",
    effect: "Rows that it showed are no longer found, or those that it hid are.",
    safe: "Change it with ALTER POLICY.",
    find: ({ kind, node }) =>
      kind === "DropStmt" && node["removeType"] === "OBJECT_POLICY"
        ? droppedNames(node).map((name) => ({ what: `drops the policy ${name}` }))
        : [],
  },
  {
    id: "ban-disable-trigger",
    severity: "advice",
    effect: "What it did for every row no longer happens, and nobody is told.",
    safe: "Drop it, so that the schema says what holds.",
    find: (statement) => {
      const table = relationName(statement.node["relation"]);
      return alterCommands(statement)
        .filter(({ subtype }) => subtype.startsWith("AT_DisableTrig"))
        .map(() => ({ what: `turns triggers of ${table} off`, table }));
    },
  },
  {
    id: "ban-create-domain-with-constraint",
    severity: "advice",
    effect: "Its rules cannot be changed without locking every table that uses it.",
    safe: "Use the plain type, and a check on each table.",
    find: ({ kind, node }) =>
      kind === "CreateDomainStmt" && node["constraints"] !== undefined
        ? [{ what: `makes the domain ${svals(node["domainname"]).join(".")} with rules` }]
        : [],
  },
  {
    id: "require-enum-value-ordering",
    severity: "advice",
    effect: "The value sorts after all others, and cannot be moved.",
    safe: "Say BEFORE or AFTER which value it stands.",
    find: ({ kind, node }) =>
      kind === "AlterEnumStmt" && node["oldVal"] === undefined && node["newValNeighbor"] === undefined
        ? [{ what: `adds a value to the type ${svals(node["typeName"]).join(".")} at its end` }]
        : [],
  },
  {
    id: "identifier-too-long",
    severity: "advice",
    effect: `PostgreSQL cuts names off after ${NAME_BYTES} bytes: two may become one.`,
    safe: "Choose a shorter name.",
    find: ({ sql }) => longNames(sql).map((name) => ({ what: `names something ${name}` })),
  },
];

function typeRule({ matches, ...rule }: { matches(column: Column): boolean } & Pick<Rule, "id" | "effect" | "safe">): Rule {
  return {
    ...rule,
    severity: "advice",
    find: (statement) =>
      columnsOf(statement)
        .filter(matches)
        .map(({ table, name, type }) => ({ what: `gives ${table}.${name} the type ${SPELLED[type] ?? type}`, table })),
  };
}

/** From the text: in the tree they are cut off already. */
function longNames(sql: string): string[] {
  const code = sql.replaceAll(/'(?:[^']|'')*'|\$(\w*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\//g, " ");
  const names = [...code.matchAll(/"((?:[^"]|"")+)"|[\p{L}_][\p{L}\p{N}_$]*/gu)].map(([word, quoted]) => quoted ?? word);
  return [...new Set(names.filter((name) => Buffer.byteLength(name) > NAME_BYTES))];
}

const SPELLED: Record<string, string> = { int4: "integer", int2: "smallint", bpchar: "char" };
