/** Cleans a request before it is read: one kind of quotation marks and bullets, no courtesies, common misspellings put right. */

/** Words of requests that people misspell most; names that people give are never in doubt. */
const KEYWORDS = (
  "create build track please field fields column columns checkbox remove delete rename required optional unique default address email phone number " +
  "description category categories priority status library inventory calendar quantity change author title recipe recipes ingredients expense expenses " +
  "supplier suppliers customer customers product products filter application database mandatory manage management between belongs contains"
).split(" ");
const MISSPELT: ReadonlyMap<string, string> = new Map(
  Object.entries({
    creat: "create",
    craete: "create",
    buid: "build",
    biuld: "build",
    trak: "track",
    tarck: "track",
    feild: "field",
    chekbox: "checkbox",
    "check-box": "checkbox",
    rmove: "remove",
    delte: "delete",
    renmae: "rename",
    chnage: "change",
    chage: "change",
    libary: "library",
    liberary: "library",
    adn: "and",
    teh: "the",
    wiht: "with",
    whith: "with",
    wich: "which",
    desciption: "description",
    discription: "description",
    catagory: "category",
    catagories: "categories",
    prioritiy: "priority",
    reciept: "receipt",
    recieved: "received",
    adres: "address",
    emal: "email",
    nubmer: "number",
  }),
);

/** One kind of spaces, quotation marks, dashes and bullets; no characters that cannot be seen. */
export function tidy(text: string): string {
  return text
    .replaceAll(/[\u200b-\u200f\u2060\ufeff]/g, "")
    .normalize("NFKC")
    .replaceAll(/[„“”«»]/g, '"')
    .replaceAll(/[‚‘’`´]/g, "'")
    .replaceAll(/[ \t\u00a0]+/g, " ")
    .replaceAll(/\s*\n\s*/g, "\n")
    .replaceAll(/\n(?:[*•–—▪◦+]|-(?! -)|\(?\d{1,2}[.)])\s+/g, "\n- ")
    .trim()
    .replace(/^(?:[*•–—▪◦+-]|\(?1[.)])\s+/, "- ")
    .replace(/[\s.!]+$/, "");
}

/** Puts misspelt words of requests right; what stands in quotation marks stays. */
export function correct(text: string): string {
  return text
    .split(/("[^"\n]*")/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/[A-Za-z-]{3,}/g, corrected)))
    .join("");
}

function corrected(word: string): string {
  const lower = word.toLowerCase();
  if (lower !== word && lower.slice(0, 1) + word.slice(1) !== lower) return word;
  const right = MISSPELT.get(lower) ?? (KEYWORDS.includes(lower) ? undefined : KEYWORDS.find((keyword) => isSlip(lower, keyword)));
  if (right === undefined) return word;
  return word === lower ? right : right.slice(0, 1).toUpperCase() + right.slice(1);
}

/** Two letters in the wrong order, a letter twice or once; in long words any one letter. */
export function isSlip(word: string, keyword: string): boolean {
  if (word === keyword || word.length < 4 || word.slice(0, 1) !== keyword.slice(0, 1)) return false;
  if (word.length === keyword.length) {
    const at = [...word].findIndex((letter, index) => letter !== keyword[index]);
    const swapped = `${word.slice(0, at)}${word[at + 1] ?? ""}${word[at] ?? ""}${word.slice(at + 2)}`;
    return swapped === keyword || (word.length >= 7 && word.slice(at + 1) === keyword.slice(at + 1));
  }
  const [shorter, longer] = word.length < keyword.length ? [word, keyword] : [keyword, word];
  if (longer.length !== shorter.length + 1) return false;
  const at = [...longer].findIndex((letter, index) => letter !== shorter[index]);
  if (longer.slice(at + 1) !== shorter.slice(at) || at === longer.length - 1) return false;
  return shorter.length >= 7 || (shorter.length >= 5 && longer[at] === longer[at - 1]);
}

const GREETING =
  /^(?:please|pls|plz|hey|hi|hello|dear \w+|good (?:morning|afternoon|evening)|ok(?:ay)?|so|well|now|then|also|and|but|just|oh|there|all|everyone|team|maybe|further(?:more)?|additionally|finally|first(?:ly)?|second(?:ly)?|next|lastly|could you|can you|would you|will you|can we(?= (?:have|get|please))|could we(?= (?:have|get|please))|can i(?= (?:have|get|please))|could i(?= (?:have|get|please))|may i(?= have)|would it be possible to|is it possible to|let'?s|let us|(?:i|we)(?:'d| would) (?:like|love|want)(?: it)? (?:you to|if you could|to ask you to)|(?:i|we) (?:want|need) you to|help me(?: to)?|go ahead and|kindly|@?adorable)(?:\s*[,!:;.]+\s*|\s+)(?=\S)/i;
const FAREWELL =
  /[\s,;.!–—-]*\b(?:please|thanks(?: a lot| so much| in advance| you)?|many thanks|thank you(?: very much| so much| in advance)?|thx|ty|pls|plz|cheers|asap|if possible|if you can|for me|kind regards|best regards|regards)[\s.!?]*$/i;

/** The request without "please", "hi there, could you" and "thanks in advance". */
export function stripCourtesy(text: string): string {
  let rest = text.trim();
  for (;;) {
    const next = rest.replace(GREETING, "").replace(FAREWELL, "");
    if (next === rest) return rest.trim();
    rest = next;
  }
}

/** Takes `called "Green Thumb"` out. A name without quotes is up to three words that begin with a capital, or one word. */
export function takeName(text: string): { rest: string; name?: string } {
  const match =
    /,?\s*\b(?:called|named|titled|with the name)\s+(?:"([^"\n]{1,60})"|'([^'\n]{1,60})'|([A-Z][\w]*(?: [A-Z][\w]*){0,2})|([\w-]+))/.exec(
      text,
    ) ?? /(?<=\b(?:app|application|tool|tracker|website|site|blog)),?\s+"([^"\n]{1,60})"/.exec(text);
  const name = match?.[1] ?? match?.[2] ?? match?.[3] ?? match?.[4];
  if (match === null || name === undefined) return { rest: text };
  return { rest: `${text.slice(0, match.index)}${text.slice(match.index + match[0].length)}`.trim(), name: name.trim() };
}
