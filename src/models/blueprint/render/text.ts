/** Writes names and values into the languages of generated files, so that no name can break out of its place. */

/** `"order"`: a quoted identifier. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `'it''s'`: a string literal, also where backslashes are special. */
export function sqlString(value: string): string {
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}`.trimStart() : quoted;
}

/** One line of a comment in SQL, TypeScript, YAML or CSS. */
export function commentText(value: string): string {
  return value.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").replaceAll("*/", "* /");
}

/** A TypeScript string literal. */
export function literal(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

/** The value of a JSX attribute with its quotes or braces. */
export function jsxAttribute(value: string): string {
  return /^[^"&{}\\\p{Cc}]*$/u.test(value) ? `"${value}"` : `{${literal(value)}}`;
}

/** Text between JSX tags. */
export function jsxText(value: string): string {
  return /^[^{}<>&\\\p{Cc}\s](?:[^{}<>&\\\p{Cc}]*[^{}<>&\\\p{Cc}\s])?$/u.test(value) ? value : `{${literal(value)}}`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function htmlText(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** Text in a Markdown paragraph or heading. */
export function markdownText(value: string): string {
  return value.replace(/[\\`*_{}[\]<>#|~]/g, "\\$&");
}

export function pascalCase(camel: string): string {
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

/** `blogPosts` → `blog-posts`; `line2` stays as it is. */
export function kebabCase(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `a, b or c`. */
export function listed(words: string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}
