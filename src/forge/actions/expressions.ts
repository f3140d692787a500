/** Evaluates `${{ … }}`: dotted paths, literals, `==`, `!=`, `!`, `&&`, `||`, parentheses and the status functions. Refuses everything else by name. */

/** A workflow that cannot be run as written: the run fails with this message. */
export class WorkflowError extends Error {}

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
export type Contexts = Record<string, Value>;
/** What `success()`, `failure()`, `always()` and `cancelled()` answer. */
export interface Status {
  success: boolean;
  failure: boolean;
  cancelled: boolean;
}

type Token = { kind: "operator" | "name" | "string" | "number"; text: string };
const TOKEN = /\s*(?:(==|!=|&&|\|\||[!().,[\]<>*])|'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?)|([A-Za-z_][\w-]*))/y;

/** `text` with every `${{ … }}` replaced; a text that is one expression keeps the value's type. */
export function interpolate(text: string, contexts: Contexts, status: Status): Value {
  const whole = /^\s*\$\{\{((?:[^}]|\}(?!\}))*)\}\}\s*$/.exec(text);
  if (whole !== null) return evaluate(whole[1] ?? "", contexts, status);
  return text.replaceAll(/\$\{\{((?:[^}]|\}(?!\}))*)\}\}/g, (_, expression: string) => toText(evaluate(expression, contexts, status)));
}

/** An `if`: with or without `${{ }}`; without a status function it also takes `success()`. */
export function condition(text: string | undefined, contexts: Contexts, status: Status): boolean {
  const expression = (text ?? "success()").trim().replace(/^\$\{\{([\s\S]*)\}\}$/, "$1");
  const asks = /\b(success|failure|always|cancelled)\s*\(/.test(expression.replaceAll(/'(?:[^']|'')*'/g, "''"));
  return (asks || status.success) && truthy(evaluate(expression, contexts, status));
}

export function toText(value: Value): string {
  if (value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function truthy(value: Value): boolean {
  return value !== null && value !== false && value !== 0 && value !== "";
}

export function evaluate(expression: string, contexts: Contexts, status: Status): Value {
  const tokens = tokenize(expression);
  let at = 0;
  const fail = (what: string): WorkflowError => new WorkflowError(`The expression "${expression.trim()}" ${what}.`);
  const peek = (text: string): boolean => tokens[at]?.kind === "operator" && tokens[at]?.text === text;
  const take = (text: string): boolean => peek(text) && (at += 1) > 0;

  function or(): Value {
    let left = and();
    while (take("||")) {
      const right = and();
      left = truthy(left) ? left : right;
    }
    return left;
  }
  function and(): Value {
    let left = equality();
    while (take("&&")) {
      const right = equality();
      left = truthy(left) ? right : left;
    }
    return left;
  }
  function equality(): Value {
    let left = unary();
    for (;;) {
      if (take("==")) left = isEqual(left, unary());
      else if (take("!=")) left = !isEqual(left, unary());
      else return left;
    }
  }
  function unary(): Value {
    return take("!") ? !truthy(unary()) : primary();
  }
  function primary(): Value {
    if (take("(")) {
      const value = or();
      if (!take(")")) throw fail("lacks a closing parenthesis");
      return value;
    }
    const token = tokens[at];
    if (token === undefined) throw fail("ends too early");
    at += 1;
    if (token.kind === "string") return token.text;
    if (token.kind === "number") return Number(token.text);
    if (token.kind === "operator") throw fail(`uses "${token.text}", which this runner does not support`);
    if (token.text === "true" || token.text === "false") return token.text === "true";
    if (token.text === "null") return null;
    return peek("(") ? call(token.text) : path(token.text);
  }
  function call(name: string): Value {
    if (name === "always") return closed(true);
    if (name === "success" || name === "failure" || name === "cancelled") return closed(status[name]);
    throw fail(`calls "${name}", which this runner does not support`);
  }
  function closed(value: boolean): boolean {
    if (!take("(") || !take(")")) throw fail("gives an argument where none belongs");
    return value;
  }
  function path(root: string): Value {
    if (root === "secrets") throw fail("reads a secret: a runner holds none");
    const context = contexts[root];
    if (context === undefined) throw fail(`reads "${root}", which is not known here`);
    let value: Value = context;
    while (peek(".")) {
      at += 1;
      const name = tokens[at];
      if (name?.kind !== "name") throw fail("has a path that this runner does not support");
      at += 1;
      value = member(value, name.text);
    }
    return value;
  }

  const value = or();
  if (at < tokens.length) throw fail(`uses "${tokens[at]?.text}", which this runner does not support`);
  return value;
}

/** Names are compared without case, as GitHub does; what is not there is null. */
function member(value: Value, name: string): Value {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  const key = Object.keys(value).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? null : (value[key] ?? null);
}

/** Texts are equal without case; values of two types are compared as numbers. */
function isEqual(left: Value, right: Value): boolean {
  if (typeof left === "string" && typeof right === "string") return left.toLowerCase() === right.toLowerCase();
  if (typeof left === typeof right && left !== null && right !== null) return left === right;
  return toNumber(left) === toNumber(right);
}

function toNumber(value: Value): number {
  if (value === null || value === "") return 0;
  return typeof value === "object" ? NaN : Number(value);
}

function tokenize(expression: string): Token[] {
  const tokens: Token[] = [];
  const end = expression.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(expression);
    if (match === null)
      throw new WorkflowError(`The expression "${expression.trim()}" is not understood at "${expression.slice(start).trim()}".`);
    const [, operator, text, number, name] = match;
    if (operator !== undefined) tokens.push({ kind: "operator", text: operator });
    else if (text !== undefined) tokens.push({ kind: "string", text: text.replaceAll("''", "'") });
    else if (number !== undefined) tokens.push({ kind: "number", text: number });
    else tokens.push({ kind: "name", text: name ?? "" });
  }
  return tokens;
}
