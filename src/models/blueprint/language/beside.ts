/** Takes out of a request where a new app shall stand: beside those that are there, which is where every new app stands. */

const BESIDE =
  /,?\s*\b(?:right\s+)?(?:next to|beside|besides|alongside(?: of)?|in addition to|apart from|separate(?:ly)? from|independent(?:ly)? (?:of|from)|without touching)\s+(?:the|my|our|your|this|that)\s+(?:[\w-]+\s+){0,2}?[\w-]+(?=\s*(?:$|[,.;:(\n]|\b(?:with|called|named|that|which|where|for|to)\b))/gi;

/** "a todo app, next to the blog" → "a todo app"; only behind the word "app", as fields can stand beside each other too. */
export function withoutNeighbours(text: string): string {
  return text.replaceAll(BESIDE, (phrase: string, at: number) => (/\b(?:app|application)\b/i.test(text.slice(0, at)) ? "" : phrase));
}
