/** A unified diff, file by file, with line numbers. */
import { html, raw } from "hono/html";
import type { ForgeCore } from "../core.ts";
import type { Repository } from "../records.ts";
import type { Html } from "./layout.ts";

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

/** What a commit range changed; `before` undefined: everything is new. */
export async function diffOf(core: ForgeCore, repository: Repository, before: string | undefined, after: string): Promise<Html> {
  const options = ["--no-color", "--no-ext-diff", "--no-renames"];
  return renderDiff(
    await core.git.text(repository.id, ["-c", "core.quotePath=off", "diff", ...options, before ?? EMPTY_TREE, after, "--"]),
  );
}

export function renderDiff(text: string): Html {
  const lines = text.split("\n");
  const files = parseDiff(lines.slice(0, MAX_LINES));
  if (files.length === 0) return html`<p class="card pad muted">Nothing is changed.</p>`;
  const sum = (of: (file: DiffFile) => number): number => files.reduce((total, file) => total + of(file), 0);
  return html`<p class="muted small">
      ${files.length === 1 ? "1 file" : `${files.length} files`},
      ${amounts(
        sum((file) => file.added),
        sum((file) => file.removed),
      )}
    </p>
    <section class="stack" aria-label="Changed files">${files.map((file) => fileView(file, files.length))}</section>
    ${lines.length > MAX_LINES ? html`<p class="card pad muted">The diff is longer than ${MAX_LINES} lines: ${lines.length - MAX_LINES} lines are left out.</p>` : ""}`;
}

function fileView(file: DiffFile, count: number): Html {
  return html`<details class="card diff" ${count < 30 && file.lines.length <= MAX_OPEN_LINES ? raw("open") : ""}>
    <summary><code>${file.path}</code> <span class="muted small">${file.note}</span> ${amounts(file.added, file.removed)}</summary>
    ${
      file.lines.length === 0
        ? html`<p class="pad muted small">There are no lines to show.</p>`
        : html`<table>
            <tbody>
              ${file.lines.map(
                (line) =>
                  html`<tr class="${line.kind}">
                    <td class="n">${line.before}</td>
                    <td class="n">${line.after}</td>
                    <td class="m">${MARKS[line.kind]}</td>
                    <td class="t">${line.text}</td>
                  </tr>`,
              )}
            </tbody>
          </table>`
    }
  </details>`;
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
