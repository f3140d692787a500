/** Lists behind the head of a request that name kinds of records, with fields of their own. */
import { splitList } from "./fields.ts";
import { splitFields } from "./head.ts";
import { isManyRecords, isPlural, oneOf } from "./nouns.ts";

/** "rooms (name, capacity) and bookings (room, starts at)": kinds of records with their fields. */
export function bracketed(list: string): { words: string[]; list: string }[] {
  const items = splitList(list).map((item) => /^\s*(?:and\s+)?([a-z][\w' -]*?)\s*(?:\((.+)\))?\s*$/is.exec(item.trim()));
  const isKind = (item: RegExpExecArray | null): boolean =>
    item !== null && (item[2] === undefined ? isManyRecords(item[1] ?? "") : isPlural(item[1] ?? "") && item[2].split(",").length >= 2);
  if (items.length < 2 || !items.every(isKind) || !items.some((item) => item?.[2] !== undefined)) return [];
  return items.flatMap((item) => (item === null ? [] : [{ words: oneOf(item[1] ?? ""), list: item[2] ?? "" }]));
}

export function withList(clause: string): { list?: string } {
  const { list } = splitFields(clause);
  return list === undefined || /\b(?:app|application|tool)\b/i.test(list) ? {} : { list };
}

export const FIELD_LIST =
  /^(?:the\s+)?(?:(?:following|needed|required)\s+)?(?:fields?|columns?|properties|attributes|data|details|information)(?:\s+(?:are|should be|i need|we need|would be|needed|for each \w+|per \w+))?\s*[:=]?\s+(.+)$/is;
export const WANTED_LIST =
  /^(?:(?:i|we|it|they|you|people|users)(?:'d| would)?\s+)(?:(?:want|need|like|have|should|must|be able|love|can|wish)\s+)+(?:to\s+)?(?:record|store|save|know|see|note|track|write down|enter|remember|keep|log|capture|collect|show)\s+(?:for each (?:one|of them|\w+)\s+)?(.+)$/is;
export const FLAG_LIST = /^(?:the\s+)?(required|mandatory|optional|unique)(?:\s+fields?)?(?:\s+(?:are|is))?\s*:?\s+(.+)$/is;
export const FLAGGED = /^(.+?)\s+(?:is|are|must be|should be|has to be|have to be|can be)\s+(required|mandatory|optional|unique)$/is;
export const NAMED_RECORDS = /^(?:things|records|objects|entities|entity|kinds of records|tables?)\s*:\s*(.+)$/is;
