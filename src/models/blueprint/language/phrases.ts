/** Phrases of a request: without articles and quotation marks, cut from what they belong to. */

export const FIELD_WORD = "(?:field|column|property|attribute)";

/** "title of posts", "the phone field", "the posts' body", "the categories in the shop app". */
export function owned(text: string): { what: string; of?: string } {
  const plain = text.trim().replace(new RegExp(`^(?:the\\s+)?(?:${FIELD_WORD}s?|table|entity|records?)\\s+(?=\\S)`, "i"), "");
  const of = /^(.+?)\s+(?:of|in|on|from|for)\s+(?:(?:all|each|every|the|my|our|an?)\s+)*([a-z][\w' "-]*)$/is.exec(plain);
  if (
    of !== null &&
    !/^(?:date|number|place|kind|type|day|cost|amount|name|time|point|length|year|end|start|proof|out|date)$/i.test(phrase(of[1] ?? ""))
  )
    return { what: phrase(of[1] ?? ""), of: phrase(of[2] ?? "") };
  const owner = /^(?:the\s+|each\s+|every\s+|an?\s+)?([\w-]+)(?:'s|s')\s+(.+)$/i.exec(plain);
  if (owner !== null && !/^["']/.test(plain)) return { what: phrase(owner[2] ?? ""), of: phrase(`${owner[1] ?? ""}`) };
  return { what: phrase(plain) };
}

/** Without article, quotation marks and "field". */
export function phrase(text: string): string {
  return unquoted(
    text
      .trim()
      .replace(/^(?:(?:the|a|an|all|my|our|its|their|this|that|these|those|also|both)\s+)+/i, "")
      .replace(new RegExp(`^(?:${FIELD_WORD}s?|table|entity)\\s+(?=\\S)`, "i"), "")
      .replace(new RegExp(`\\s+(?:${FIELD_WORD}s?|table|entity|checkbox|input|list)$`, "i"), ""),
  ).trim();
}

export function unquoted(text: string): string {
  return text
    .trim()
    .replace(/^["'`](.*?)["'`][.!]?$/s, "$1")
    .replace(/[.!?]+$/, "")
    .trim();
}

/** True inside of parentheses or quotation marks: `text` is what stands before. */
export function isOpen(text: string): boolean {
  return (text.match(/[([]/g)?.length ?? 0) > (text.match(/[)\]]/g)?.length ?? 0) || (text.match(/"/g)?.length ?? 0) % 2 === 1;
}
