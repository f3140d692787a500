/** Tells requests for an app from requests for something in one that is there. */
import { CREATE_VERBS } from "./head.ts";
import { sentencesOf } from "./sentences.ts";
import { correct, stripCourtesy, tidy } from "./text.ts";

const NEW_APP = new RegExp(
  `^(?:(?:i|we)(?:'d| would)?\\s+)?(?:(?:${CREATE_VERBS})\\s+)*(?:an?|another|one more|the|my|our)\\s+(?:(?!to\\b|in\\b|of\\b|from\\b|field\\b|column\\b|checkbox\\b)[\\w'-]+\\s+){0,4}?(?:web ?app|application|app|tool|tracker|web ?site|system|blog|weblog|guest ?book|inventory|to-?do list|expense splitter|splitter|manager|planner|database)\\b(?!\\s+(?:field|column|number|name|url|link|checkbox|address)|\\s*,|\\s+and\\b)`,
  "i",
);

/** True where a request asks for an app, and not for something in one that is there. */
export function wantsNewApp(request: string, isRecord: (phrase: string) => boolean): boolean {
  const [first = ""] = sentencesOf(stripCourtesy(correct(tidy(request))))
    .map(stripCourtesy)
    .filter(Boolean);
  const target = /\s(?:to|on|for|onto|into)\s+(?:(?:all|each|every|the|my|our)\s+)*([\w' -]+)$/i.exec(first)?.[1];
  if (target !== undefined && isRecord(target) && !/\b(?:app|application)\b/i.test(first)) return false;
  return (
    NEW_APP.test(first) ||
    /^(?:an?\s+)?(?:\w+\s+){0,3}(?:app|application)\s*(?:[:–—(-]|$|to\b|for\b|called\b|named\b|with\b|that\b|where\b)/i.test(first)
  );
}
