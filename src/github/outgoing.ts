/** The last thing that happens to text before it is posted: secrets out, live triggers defused, GitHub's size kept. */

/** GitHub's limit for comments, descriptions and check summaries. */
export const MAX_TEXT = 65_536;

export interface OutgoingOptions {
  /** Values that must never be posted, in any of the encodings that they travel in. */
  secrets?: readonly string[];
  /** The name after the `@` of a mention. */
  botName?: string;
  /** In UTF-16 units, as GitHub counts. */
  limit?: number;
}

const REDACTED = "[redacted]";
/** Shorter values would blacken ordinary words. */
const MIN_SECRET = 6;

/** Recognised by their form, whoever they belong to. */
const CREDENTIALS: readonly [RegExp, string][] = [
  [/\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,})\b/g, REDACTED],
  [/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]*?(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|$)/g, REDACTED],
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@"'<>]{0,100}:)[^\s/@"'<>]{1,200}@/gi, `$1${REDACTED}@`],
  [/\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,2000}/g, REDACTED],
];

/** `text` as it may be posted: at most `limit` long, and what was cut is stated. */
export function outgoing(text: string, options: OutgoingOptions = {}): string {
  const { secrets = [], botName = "adorable", limit = MAX_TEXT } = options;
  return truncate(defuse(redact(text, secrets), botName), limit);
}

export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  // Longest first: one secret may contain another.
  for (const secret of [...new Set(secrets.flatMap(encodings))].sort((a, b) => b.length - a.length)) {
    clean = clean.replaceAll(secret, REDACTED);
  }
  for (const [pattern, replacement] of CREDENTIALS) clean = clean.replace(pattern, replacement);
  return clean;
}

function encodings(secret: string): string[] {
  if (secret.length < MIN_SECRET) return [];
  const bytes = Buffer.from(secret);
  const base64 = bytes.toString("base64").replace(/=+$/, "");
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    base64,
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ];
}

/** Space, and what no reader sees: readers of commands leave it out, so it does not disarm one. */
const UNSEEN = /[\s\p{C}\p{M}\u115F\u1160\u3164\uFFA0]/gu;

/** A line of ours that opens with the mention would be a command if a person quoted or copied it. Markdown shows `\@` as `@`. */
function defuse(text: string, botName: string): string {
  const mention = `@${botName.toLowerCase()}`;
  return text
    .split("\n")
    .map((line) => {
      const at = line.indexOf("@");
      if (at < 0 || line.slice(0, at).replaceAll(UNSEEN, "") !== "") return line;
      const opens = line.slice(at).replaceAll(UNSEEN, "").toLowerCase().startsWith(mention);
      return opens ? `${line.slice(0, at)}\\${line.slice(at)}` : line;
    })
    .join("\n");
}

function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  // The note says how much is gone, so its own length depends on the cut: reserve for the longest.
  const reserve = 200;
  let cut = text.slice(0, Math.max(0, limit - reserve));
  if (/[\uD800-\uDBFF]$/.test(cut)) cut = cut.slice(0, -1);
  const line = cut.lastIndexOf("\n");
  if (line > cut.length - 2000) cut = cut.slice(0, line);
  return `${cut}${closing(cut)}\n\n_${text.length - cut.length} more characters were left out: GitHub takes ${limit} at most._`.slice(
    0,
    limit,
  );
}

/** What the cut left open and would swallow the note: a code fence, folded sections. */
function closing(cut: string): string {
  let fence: string | undefined;
  for (const [, mark] of cut.matchAll(/^ {0,3}(`{3,}|~{3,})/gm)) {
    if (mark === undefined) continue;
    if (fence === undefined) fence = mark;
    else if (mark.startsWith(fence)) fence = undefined;
  }
  const open = (cut.match(/<details\b/g)?.length ?? 0) - (cut.match(/<\/details>/g)?.length ?? 0);
  return (fence === undefined ? "" : `\n${fence}`) + "\n\n</details>".repeat(Math.min(5, Math.max(0, open)));
}
