/** A unified diff, file by file, with line numbers. */
import { html } from "hono/html";
import type { Html } from "./layout.ts";

const MAX_LINES = 6000;

interface DiffFile {
  path: string;
  lines: { kind: "add" | "del" | "same" | "hunk"; before: string; after: string; text: string }[];
}

export function renderDiff(text: string): Html {
  const files = parseDiff(text.split("\n").slice(0, MAX_LINES));
  if (files.length === 0) return html`<p class="card pad muted">Nothing is changed.</p>`;
  return html`<section class="stack">
    ${files.map(
      (file) =>
        html`<details class="card diff" ${files.length < 30 ? "open" : ""}>
          <summary><code>${file.path}</code></summary>
          <div class="scroll">
            <table>
              <tbody>
                ${file.lines.map(
                  (line) =>
                    html`<tr class="${line.kind}">
                      <td class="n">${line.before}</td>
                      <td class="n">${line.after}</td>
                      <td><pre>${line.text}</pre></td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>
        </details>`,
    )}
  </section>`;
}

function parseDiff(lines: string[]): DiffFile[] {
  const files: DiffFile[] = [];
  let [before, after] = [0, 0];
  for (const line of lines) {
    const file = files.at(-1);
    if (line.startsWith("diff --git ")) files.push({ path: / b\/(.*)$/.exec(line)?.[1] ?? line, lines: [] });
    else if (file === undefined) continue;
    else if (line.startsWith("@@")) {
      const match = /^@@ -(\d+)(?:,\d+)? \+(\d+)/.exec(line);
      [before, after] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
      file.lines.push({ kind: "hunk", before: "", after: "", text: line });
    } else if (file.lines.length === 0) continue;
    else if (line.startsWith("+")) file.lines.push({ kind: "add", before: "", after: String(after++), text: line });
    else if (line.startsWith("-")) file.lines.push({ kind: "del", before: String(before++), after: "", text: line });
    else if (line.startsWith(" ")) file.lines.push({ kind: "same", before: String(before++), after: String(after++), text: line });
  }
  return files;
}
