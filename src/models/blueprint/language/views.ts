/** What people want to see of records: filters, searches, counts and sums. */
import { wordsOf } from "./naming.ts";
import { oneOf } from "./nouns.ts";

export type View =
  /** Words of a field, and of the records where they were said. */
  | { kind: "filter"; field: string[]; of?: string[] }
  | { kind: "search"; field: string[] }
  | { kind: "count"; of: string[]; per: string[] }
  /** Without a field: whatever is money. */
  | { kind: "sum"; field?: string[]; per?: string[] };

const WISH =
  "(?:(?:i|we|users?|people|you|one|it|they|and|the list|the page|there)\\s+)?(?:(?:'d|would|should|must|can|could|want|need|like|love|be|able|possible|please|also|let|lets|allow|me|us|them|users|people|possibility|option|way|see|get|a|the|to|and|add|show|display|list|give|include|have|is)\\s+)*";
const PER =
  "(?:per|by|for each|for every|of each|of every|in each|in every|from each|grouped by|each|for all the|within each|within every|on each|on every)";
const END = "(?:\\s+(?:too|as well|please|also|has|have|had|there (?:is|are)|wrote|written|owns?|published|made|are in it))*$";

/** The views in a sentence that is about nothing else, or undefined. */
export function parseViews(sentence: string): View[] | undefined {
  const parts = sentence.split(
    /\s*(?:,\s*(?:and\s+)?|;\s*|\s+and\s+)(?=(?:i want to\s+|to\s+|also\s+|be able to\s+)?(?:filter|search|show|see|sum|count|display|find|total|a total|the total|the sum|the number)\b)/i,
  );
  const views: View[] = [];
  for (const part of parts) {
    const found = parseView(part.trim());
    if (found === undefined) return undefined;
    views.push(...found);
  }
  return views;
}

function parseView(text: string): View[] | undefined {
  const filter = new RegExp(
    `^${WISH}(?:filter(?:able|ed|ing|s)?|narrow(?:ed)?(?: down)?|choose)\\s*(?:(?:the\\s+)?(?:list(?: of)?\\s+)?([\\w -]+?)\\s+)?(?:by|on|for)\\s+(.+)$`,
    "i",
  ).exec(text);
  if (filter !== null) {
    const of = filter[1] === undefined ? [] : oneOf(filter[1].replace(/^(?:it|them|everything|all|the list|list|down)$/i, ""));
    return (filter[2] ?? "")
      .split(/\s*,\s*(?:and\s+)?|\s+(?:and|or)\s+/i)
      .map((field) => ({ kind: "filter", field: fieldWords(field), ...(of.length === 0 ? {} : { of }) }));
  }
  const search = new RegExp(
    `^${WISH}(?:search(?:able|ed|ing)?|find|look(?:ing)? up)\\s*(?:(?:the\\s+)?[\\w -]+?\\s+)?(?:by|in|for|on|through)\\s+(.+)$`,
    "i",
  ).exec(text);
  if (search !== null)
    return (search[1] ?? "").split(/\s*,\s*|\s+(?:and|or)\s+/i).map((field) => ({ kind: "search", field: fieldWords(field) }));
  return parseCount(text) ?? parseSum(text);
}

function parseCount(text: string): View[] | undefined {
  const wish =
    "(?:.*?\\b(?:show|see|know|display|count|tell|give|list|have|with|add|want|need)\\s+(?:me\\s+|us\\s+|to\\s+(?:see|know)\\s+)*)?(?:a |an |the )?(?:column (?:with|for) )?(?:the )?";
  const each = new RegExp(
    `^${wish}how many\\s+([\\w -]+?)\\s+(?:(?:i|we|they|there)\\s+(?:have|has|own|are)\\s+)?(?:${PER}|an?)\\s+([\\w -]+?)${END}`,
    "i",
  ).exec(text);
  const number = new RegExp(
    `^${wish}(?:number|count|amount|counts?)\\s+of\\s+(?:the\\s+)?([\\w -]+?)\\s+(?:${PER}|an?)\\s+([\\w -]+?)${END}`,
    "i",
  ).exec(text);
  const verb = new RegExp(`^${WISH}count\\s+(?:the\\s+)?([\\w -]+?)\\s+${PER}\\s+([\\w -]+?)${END}`, "i").exec(text);
  const bare = new RegExp(`^${wish}([\\w -]+?)\\s+counts?\\s+(?:${PER})\\s+([\\w -]+?)${END}`, "i").exec(text);
  const found = each ?? number ?? verb ?? bare;
  if (found === null) return undefined;
  return [{ kind: "count", of: oneOf(found[1] ?? ""), per: oneOf(found[2] ?? "") }];
}

function parseSum(text: string): View[] | undefined {
  const begin =
    "(?:.*?\\b(?:show|see|know|display|give|list|have|with|add|want|need|calculate|compute)\\s+(?:me\\s+|us\\s+)*)?(?:a |an |the )?";
  const per = `(?:\\s+${PER}\\s+([\\w -]+?))?${END}`;
  const spent = new RegExp(
    `^${begin}how much\\s+(?:money\\s+)?(?:was|is|has been|have|i|we|they|did|do)?\\s*(?:i|we|they|been)?\\s*(?:have\\s+)?(?:spent|spend|paid|pay|earned|cost|costs|owed)\\b(?:\\s+in total|\\s+overall|\\s+altogether|\\s+so far)?${per}`,
    "i",
  ).exec(text);
  if (spent !== null) return [{ kind: "sum", ...(spent[1] === undefined ? {} : { per: oneOf(spent[1]) }) }];
  const total = new RegExp(
    `^${begin}(?:totals?|sums?|grand total|sum total)(?:\\s+(?:up|of))*(?:\\s+(?:of\\s+)?(?:the\\s+|all\\s+)*([\\w -]+?))??${per}`,
    "i",
  ).exec(text);
  const up = new RegExp(`^${WISH}(?:sum|add|total)\\s+up\\s+(?:the\\s+|all\\s+)*([\\w -]+?)${per}`, "i").exec(text);
  const found = up ?? total;
  if (found === null || /\b(?:field|column|number)\b/i.test(text)) return undefined;
  const field = wordsOf(found[1] ?? "").filter((word) => !/^(?:the|all|of|my|our)$/.test(word));
  return [{ kind: "sum", ...(field.length === 0 ? {} : { field }), ...(found[2] === undefined ? {} : { per: oneOf(found[2]) }) }];
}

function fieldWords(phrase: string): string[] {
  return wordsOf(phrase.replace(/^(?:the|its|their|a|an)\s+/i, "").replace(/\s+(?:field|column|too|as well)$/i, ""));
}
