import { expect, test } from "vitest";
import { renderDiff } from "./diff.ts";

const render = async (text: string): Promise<string> => String(await renderDiff(text));
const plain = (html: string): string[] =>
  [...html.matchAll(/<tr class="(\w+)">([\s\S]*?)<\/tr>/g)].map(
    ([, kind, row]) => `${kind} ${[...(row ?? "").matchAll(/<td[^>]*>([\s\S]*?)<\/td>/g)].map((cell) => cell[1]).join("|")}`,
  );

test("lines carry the numbers of both sides, also where they look like headers", async () => {
  const text = [
    "diff --git a/a b/a",
    "index 1..2 100644",
    "--- a/a",
    "+++ b/a",
    "@@ -3,2 +3,2 @@ f",
    " same",
    "--- gone",
    "+++ come",
    "\\ No newline at end of file",
  ].join("\n");
  expect(plain(await render(text))).toEqual(["hunk |||@@ -3,2 +3,2 @@ f", "same 3|3||same", "del 4||−|-- gone", "add |4|+|++ come"]);
});

test("names with blanks, and files without lines, are told", async () => {
  const html = await render(
    "diff --git a/a b.txt b/a b.txt\nnew file mode 100644\nindex 0..1\nBinary files /dev/null and b/a b.txt differ",
  );
  expect(html).toContain("<code>a b.txt</code>");
  expect(html).toContain("binary");
  expect(html).toContain("There are no lines to show.");
  expect(await render('diff --git "a/a\\tb" "b/a\\tb"\nnew file mode 100644')).toContain("<code>a\\tb</code>");
});

test("content is text", async () => {
  expect(await render("diff --git a/x b/x\n@@ -0,0 +1 @@\n+<script>alert(1)</script>")).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
});

test("a diff that is too long says what it leaves out", async () => {
  const lines = Array.from({ length: 9000 }, () => "+x");
  const html = await render(["diff --git a/x b/x", "@@ -0,0 +1,9000 @@", ...lines].join("\n"));
  expect(html).toContain("1002 lines are left out");
  expect(html).not.toMatch(/<details[^>]* open/);
});

test("nothing changed is said", async () => {
  expect(await render("")).toContain("Nothing is changed.");
});
