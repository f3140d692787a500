/** A unified diff, file by file, with line numbers. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { Repository, ReviewComment } from "../records.ts";
import { icon } from "./icons.ts";
import type { Html } from "./layout.ts";
import type { Place } from "./markdown.ts";
import { empty, form, plural, said } from "./parts.ts";

/** Of the whole diff; what is beyond is said to be left out. */
const MAX_LINES = 8000;
/** A longer file is closed until somebody opens it. */
const MAX_OPEN_LINES = 400;
const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

interface DiffFile {
  path: string;
  /** What git says beside the lines: a new file, another mode, a binary. */
  note: string;
  added: number;
  removed: number;
  lines: { kind: "add" | "del" | "same" | "hunk"; before: string; after: string; text: string }[];
}

/** What people say about lines of a diff. */
export interface LineTalk {
  core: ForgeCore;
  place: Place;
  comments: ReviewComment[];
  /** Of the diff: `?on=R12:path` opens a form at that line. */
  page: string;
  /** Undefined: nobody who may write is looking. */
  session: Session | undefined;
  on: string | undefined;
}

/** What a commit range changed; `before` undefined: everything is new. */
export async function diffOf(
  core: ForgeCore,
  repository: Repository,
  before: string | undefined,
  after: string,
  talk?: LineTalk,
): Promise<Html> {
  const options = ["--no-color", "--no-ext-diff", "--no-renames"];
  const text = await core.git.text(repository.id, ["-c", "core.quotePath=off", "diff", ...options, before ?? EMPTY_TREE, after, "--"]);
  return renderDiff(text, talk);
}

export function renderDiff(text: string, talk?: LineTalk): Html {
  const lines = text.split("\n");
  const files = parseDiff(lines.slice(0, MAX_LINES));
  if (files.length === 0) return empty("file", "Nothing is changed.", "Both sides have the same files.");
  const sum = (of: (file: DiffFile) => number): number => files.reduce((total, file) => total + of(file), 0);
  return html`<p class="muted small sum">
      ${plural(files.length, "file")},
      ${amounts(
        sum((file) => file.added),
        sum((file) => file.removed),
      )}
    </p>
    <section class="stack" aria-label="Changed files">${files.map((file) => fileView(file, files.length, talk))}</section>
    ${lines.length > MAX_LINES ? html`<p class="card pad muted">The diff is longer than ${MAX_LINES} lines: ${lines.length - MAX_LINES} lines are left out.</p>` : ""}`;
}

function fileView(file: DiffFile, count: number, talk: LineTalk | undefined): Html {
  const isShort = count < 30 && file.lines.length <= MAX_OPEN_LINES;
  const isTalkedOf = talk?.comments.some((comment) => comment.path === file.path) === true || talk?.on?.endsWith(`:${file.path}`) === true;
  return html`<details class="card diff" id="file-${anchorOf(file.path)}" ${isShort || isTalkedOf ? raw("open") : ""}>
    <summary>
      ${icon("file")}<code>${file.path}</code> <span class="muted small note">${file.note}</span> ${amounts(file.added, file.removed)}
    </summary>
    ${
      file.lines.length === 0
        ? html`<p class="pad muted small">There are no lines to show.</p>`
        : html`<table aria-label="Changes of ${file.path}">
            <tbody>
              ${file.lines.map((line) => html`${lineView(file, line, talk)}${talk === undefined ? "" : talkView(file, line, talk)}`)}
            </tbody>
          </table>`
    }
  </details>`;
}

type DiffLine = DiffFile["lines"][number];

/** A line by its side and number: of the new file, or of the old one where it was removed. */
function keyOf(line: DiffLine): string | undefined {
  if (line.kind === "hunk") return undefined;
  return line.kind === "del" ? `L${line.before}` : `R${line.after}`;
}

function lineView(file: DiffFile, line: DiffLine, talk: LineTalk | undefined): Html {
  const key = keyOf(line);
  const number = (shown: string, isKey: boolean): Html | string => {
    if (!isKey || key === undefined || talk?.session === undefined) return shown;
    const address = `${talk.page}?on=${encodeURIComponent(`${key}:${file.path}`)}#on`;
    return html`<a href="${address}" aria-label="Comment on line ${shown}" rel="nofollow">${shown}</a>`;
  };
  const isRemoved = line.kind === "del";
  return html`<tr class="${line.kind}">
    <td class="n">${number(line.before, isRemoved)}</td>
    <td class="n">${number(line.after, !isRemoved)}</td>
    <td class="m">${MARKS[line.kind]}</td>
    <td class="t">${line.text}</td>
  </tr>`;
}

/** What was said about the line, and the form where somebody is about to. */
function talkView(file: DiffFile, line: DiffLine, { core, place, comments, page, session, on }: LineTalk): Html | string {
  const key = keyOf(line);
  const own = comments.filter((comment) => comment.path === file.path && `${comment.side === "LEFT" ? "L" : "R"}${comment.line}` === key);
  const isAsked = session !== undefined && key !== undefined && on === `${key}:${file.path}`;
  if (own.length === 0 && !isAsked) return "";
  return html`<tr class="talk-row">
    <td colspan="4">
      ${own.map((comment) => said(core, comment, "review_comment", `r${comment.id}`, place))}
      ${
        isAsked
          ? form(
              session,
              page.replace(/files$/, "lines"),
              html`<input type="hidden" name="path" value="${file.path}" /><input type="hidden" name="line" value="${key.slice(1)}" /><input
                  type="hidden"
                  name="side"
                  value="${key.startsWith("L") ? "LEFT" : "RIGHT"}"
                />
                <label for="on">Comment on line ${key.slice(1)} of ${file.path}</label>
                <textarea id="on" name="body" rows="3" required maxlength="65536" autocomplete="off" autofocus></textarea>
                <p class="actions">
                  <a class="button" href="${page}#file-${anchorOf(file.path)}">Leave it</a
                  ><button class="primary" type="submit" data-default>Comment</button>
                </p>`,
              "composer",
            )
          : ""
      }
    </td>
  </tr>`;
}

/** Letters, digits and a little more: what an id may be made of. */
function anchorOf(path: string): string {
  return path.replaceAll(/[^\w.-]+/gu, "-");
}

const MARKS = { add: "+", del: "−", same: "", hunk: "" };

function amounts(added: number, removed: number): Html {
  return html`<span class="amounts"><span class="plus">+${added}</span> <span class="minus">−${removed}</span></span>`;
}

function parseDiff(lines: string[]): DiffFile[] {
  const files: DiffFile[] = [];
  let [before, after] = [0, 0];
  for (const line of lines) {
    const file = files.at(-1);
    if (line.startsWith("diff --git ")) files.push({ path: pathOf(line), note: "", added: 0, removed: 0, lines: [] });
    else if (file === undefined) continue;
    else if (line.startsWith("@@")) {
      const match = /^@@ -(\d+)(?:,\d+)? \+(\d+)/.exec(line);
      [before, after] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
      file.lines.push({ kind: "hunk", before: "", after: "", text: line });
    } else if (file.lines.length === 0) file.note = noteOf(line) ?? file.note;
    else if (line.startsWith("+")) {
      file.lines.push({ kind: "add", before: "", after: String(after++), text: line.slice(1) });
      file.added += 1;
    } else if (line.startsWith("-")) {
      file.lines.push({ kind: "del", before: String(before++), after: "", text: line.slice(1) });
      file.removed += 1;
    } else if (line.startsWith(" "))
      file.lines.push({ kind: "same", before: String(before++), after: String(after++), text: line.slice(1) });
  }
  return files;
}

/** Both sides have the same name, as renames are not looked for. */
function pathOf(line: string): string {
  const names = line.slice("diff --git ".length);
  return names.slice((names.length + 1) / 2).replace(/^"?b\/|"$/g, "");
}

function noteOf(line: string): string | undefined {
  if (line.startsWith("new file")) return "new";
  if (line.startsWith("deleted file")) return "deleted";
  if (line.startsWith("Binary files")) return "binary";
  const mode = /^new mode (\d+)$/.exec(line)?.[1];
  return mode === undefined ? undefined : `mode ${mode}`;
}
