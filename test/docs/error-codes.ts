/** Reads every stated error out of the source's syntax trees: its code, whose turn it is, what to do, and where. */
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Expression, type Function as FunctionNode, type ObjectExpression, parseSync, Visitor } from "oxc-parser";

export interface StatedError {
  code: string;
  remedies: Set<string>;
  hints: Set<string>;
  files: Set<string>;
}

/** `unread` names the places whose code stands nowhere in the file as text, as `<file>: <expression>`. */
export async function statedErrors(root: string): Promise<{ errors: Map<string, StatedError>; unread: string[] }> {
  const errors = new Map<string, StatedError>();
  const unread: string[] = [];
  for await (const file of glob("{src,action}/**/*.ts", { cwd: root, exclude: (name) => name.endsWith(".test.ts") })) {
    const source = await readFile(join(root, file), "utf8");
    if (source.includes("remedy")) readFileOf(file, source, errors, unread);
  }
  return { errors, unread: unread.sort() };
}

function readFileOf(file: string, source: string, errors: Map<string, StatedError>, unread: string[]): void {
  const { program } = parseSync(file, source);
  const functions: FunctionNode[] = [];
  const calls: { callee: string; arguments: (Expression | undefined)[] }[] = [];
  const constants = new Map<string, Expression>();
  const objects: { node: ObjectExpression; within: FunctionNode | undefined }[] = [];
  new Visitor({
    FunctionDeclaration: (node) => functions.push(node),
    VariableDeclarator: (node) => {
      if (node.id.type === "Identifier" && node.init) constants.set(node.id.name, node.init);
    },
    CallExpression: (node) => {
      if (node.callee.type !== "Identifier") return;
      calls.push({ callee: node.callee.name, arguments: node.arguments.map((each) => (each.type === "SpreadElement" ? undefined : each)) });
    },
    ObjectExpression: (node) => objects.push({ node, within: undefined }),
  }).visit(program);

  for (const { node } of objects) {
    const [code, remedy, message] = ["code", "remedy", "message"].map((name) => property(node, name));
    if (code === undefined || remedy === undefined || message === undefined) continue;
    const within = functions.filter(({ start, end }) => start < node.start && node.end < end).at(-1);
    const values = (expression: Expression): string[] => texts(expression, { within, calls, constants });
    const codes = values(code);
    const remedies = values(remedy).filter((each) => each !== "…");
    // A schema describes errors of elsewhere; it states none.
    if (code.type === "CallExpression") continue;
    if (codes.length === 0 || remedies.length === 0) unread.push(`${file}: ${source.slice(code.start, code.end)}`);
    const hint = property(node, "hint");
    for (const each of codes) {
      const known = errors.get(each) ?? { code: each, remedies: new Set(), hints: new Set(), files: new Set() };
      for (const one of remedies) known.remedies.add(one);
      // With several codes it cannot be told which hint is whose.
      if (hint !== undefined && (codes.length === 1 || values(hint).length === 1)) for (const one of values(hint)) known.hints.add(one);
      known.files.add(file);
      errors.set(each, known);
    }
  }
}

function property(node: ObjectExpression, name: string): Expression | undefined {
  for (const each of node.properties) {
    if (each.type === "Property" && each.key.type === "Identifier" && each.key.name === name) return each.value as Expression;
  }
  return undefined;
}

interface Surroundings {
  within: FunctionNode | undefined;
  calls: { callee: string; arguments: (Expression | undefined)[] }[];
  constants: Map<string, Expression>;
}

/** All texts that an expression can be, as far as this file says: branches of a choice, a constant's value, what a helper is called with. */
function texts(expression: Expression, around: Surroundings): string[] {
  switch (expression.type) {
    case "Literal":
      return typeof expression.value === "string" ? [expression.value] : [];
    case "TemplateLiteral":
      return [expression.quasis.map((quasi) => quasi.value.cooked ?? "").join("…")];
    case "ConditionalExpression":
      return [...texts(expression.consequent, around), ...texts(expression.alternate, around)];
    case "Identifier": {
      const index = around.within?.params.findIndex((each) => each.type === "Identifier" && each.name === expression.name) ?? -1;
      if (index >= 0) {
        const given = around.calls.filter(({ callee }) => callee === around.within?.id?.name).map((call) => call.arguments[index]);
        return given.flatMap((each) => (each === undefined || each.type === "Identifier" ? [] : texts(each, around)));
      }
      const constant = around.constants.get(expression.name);
      return constant === undefined || constant.type === "Identifier" ? [] : texts(constant, around);
    }
    default:
      return [];
  }
}
