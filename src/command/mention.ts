/** What a person asks for: the grammar of the mention. Pure: it knows neither who asks nor where. */
import { cleanText } from "./clean-text.ts";
import { inlineParts, type MarkdownLine, markdownLines } from "./markdown-lines.ts";

/** GitHub's limit for issues and comments, in UTF-16 units. */
export const MAX_MENTION_TEXT = 65_536;

/** Verbs that stand alone on their line; with more words after them the line is a prompt. */
export const PLAIN_VERBS = ["status", "stop", "retry", "undo", "restore-points", "release-data", "help", "code-only", "code+data"] as const;
export type PlainVerb = (typeof PLAIN_VERBS)[number];

const MAX_VERB = 40;

export type Command =
  /** Free text: build or change something. Never empty. */
  | { verb: "prompt"; prompt: string }
  /** Plan and stop. An empty prompt means: what the issue says. */
  | { verb: "plan"; prompt: string }
  /** `planHash` as `planHash()` makes it: 12 hex digits. */
  | { verb: "approve"; planHash: string }
  | { verb: "restore"; id: string }
  | { verb: "confirm"; token: string }
  /** Without a release: to the one before the live one. */
  | { verb: "rollback"; release: number | undefined }
  | { verb: PlainVerb }
  /** The mention stands alone. */
  | { verb: "empty" }
  /** A verb whose argument is missing or wrong: `usage` shows how it is written. */
  | { verb: "malformed"; name: string; usage: string }
  | { verb: "too-long"; length: number };

export type Mention = Command & {
  /** Mentions that open later lines: one comment is one command, and the answer says that these were not read. */
  furtherMentions: number;
};

const ARGUMENTS: Record<string, { usage: string; read: (argument: string) => Command | undefined }> = {
  approve: {
    usage: "approve <plan hash>",
    read: (hash) => (/^[0-9a-f]{12}$/i.test(hash) ? { verb: "approve", planHash: hash.toLowerCase() } : undefined),
  },
  restore: {
    usage: "restore <restore point>",
    read: (id) => (/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id) ? { verb: "restore", id } : undefined),
  },
  confirm: {
    usage: "confirm <token>",
    read: (token) => (/^[A-Za-z0-9_-]{4,64}$/.test(token) ? { verb: "confirm", token } : undefined),
  },
  rollback: { usage: "rollback [release number]", read: readRelease },
};

/** The command in `text`, or undefined when nobody was spoken to. `botName` is the name after the `@`. */
export function parseMention(text: string, botName: string): Mention | undefined {
  const lines = markdownLines(cleanText(text));
  const isMention = mentionAt(botName);
  const first = lines.findIndex((line) => line.kind === "spoken" && isMention.test(line.text));
  const opening = lines[first];
  if (opening === undefined) return undefined;

  const rest = lines.slice(first + 1);
  const next = rest.findIndex((line) => line.kind === "spoken" && isMention.test(line.text));
  const own = next < 0 ? rest : rest.slice(0, next);
  const furtherMentions = rest.filter((line) => line.kind === "spoken" && isMention.test(line.text)).length;
  if (text.length > MAX_MENTION_TEXT) return { verb: "too-long", length: text.length, furtherMentions };
  const firstLine = visible(opening.text.replace(isMention, "")).trim();
  return { ...readCommand(firstLine, own), furtherMentions };
}

/** Whole word: not `@name-dev`, not `@name/team`, not `@name.org`. */
function mentionAt(botName: string): RegExp {
  const name = botName.replaceAll(/[^A-Za-z0-9]/g, "\\$&");
  return new RegExp(`^ {0,3}@${name}(?:\\[bot\\])?(?:[,:;.!?]+(?=\\s|$)|(?=\\s|$))`, "i");
}

function readCommand(firstLine: string, following: readonly MarkdownLine[]): Command {
  const [word = "", ...words] = firstLine.split(/\s+/);
  const verb = word.length > MAX_VERB ? "" : word.toLowerCase().replace(/[.!?,:;]+$/, "");

  const plain = PLAIN_VERBS.find((each) => each === verb);
  if (plain !== undefined && words.length === 0) return { verb: plain };

  const withArgument = Object.hasOwn(ARGUMENTS, verb) ? ARGUMENTS[verb] : undefined;
  // These decide about data and releases: what does not fit is refused, never taken for a prompt.
  if (withArgument !== undefined) {
    const argument = words.join(" ").replace(/^`(.*)`$/, "$1");
    return withArgument.read(argument) ?? { verb: "malformed", name: verb, usage: withArgument.usage };
  }
  if (verb === "plan") return { verb: "plan", prompt: promptOf(words.join(" "), following) };
  const prompt = promptOf(firstLine, following);
  return prompt === "" ? { verb: "empty" } : { verb: "prompt", prompt };
}

function readRelease(argument: string): Command | undefined {
  if (argument === "") return { verb: "rollback", release: undefined };
  const digits = /^(?:release[- ]?|v|#)?(\d{1,9})$/i.exec(argument)?.[1];
  return digits === undefined ? undefined : { verb: "rollback", release: Number(digits) };
}

/** Code and quotes belong to what is asked; what no reader sees does not. */
function promptOf(firstLine: string, following: readonly MarkdownLine[]): string {
  const lines = following.filter((line) => line.kind !== "hidden");
  return [firstLine, ...lines.map((line) => (line.kind === "spoken" ? visible(line.text) : line.text))].join("\n").trim();
}

/** Without the HTML comments that stand inside a line, closed or not. */
function visible(line: string): string {
  return inlineParts(line)
    .filter((part) => part.kind !== "comment")
    .map((part) => part.text)
    .join("");
}
