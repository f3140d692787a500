import { expect, test } from "vitest";
import { isSafeAddress, markdown, type Place } from "./markdown.ts";

const inner = (text: string, place: Place = {}): string =>
  /^<div class="prose">([\s\S]*)<\/div>$/.exec(String(markdown(text, place)))?.[1]?.trim() ?? "";

test.each([
  ["<script>alert(1)</script>", "&lt;script>"],
  ["a <img src=x onerror=alert(1)> b", "&lt;img src=x onerror=alert(1)>"],
  ['<a href="javascript:alert(1)">x</a>', '&lt;a href="javascript:alert(1)">'],
  ["<details open ontoggle=alert(1)>", "&lt;details open ontoggle=alert(1)>"],
  ["<scr<!-- -->ipt>alert(1)</script>", "ipt>"],
  ["<style>body{display:none}</style>", "&lt;style>"],
  ["</div></main><p>", "&lt;/div>"],
])("raw HTML is shown as text: %s", (text, shown) => {
  const out = inner(text);
  expect(out).toContain(shown);
  expect(out).not.toMatch(/<(?!\/?(?:p|br|details)>)/);
});

test.each([
  "[x](javascript:alert(1))",
  "[x](JAVASCRIPT&colon;alert(1))",
  "[x](data:text/html,hi)",
  "[x](//elsewhere.example)",
  "[x](/\\elsewhere.example)",
  "[x](vbscript:x)",
])("an address that is neither of the web nor of this site is no link: %s", (text) => {
  expect(inner(text)).toBe("<p>x</p>");
});

test("a link cannot add an attribute", () => {
  expect(inner('[x](http://a/"onmouseover="alert(1))')).toMatch(/^<p><a href="http:\/\/a\/[^"<>]*" rel="nofollow noopener">x<\/a><\/p>$/);
  expect(inner('![a"b<c](http://a/b.png)')).toContain('alt="a&quot;b&lt;c"');
});

test("hidden comments stay hidden, what stands beside them does not", () => {
  expect(inner("<!-- adorable:sticky req_1 -->\nshown")).toBe("<p>shown</p>");
  expect(inner("before <!-- hidden --> after")).toBe("<p>before  after</p>");
  expect(inner("<!-- a --> <b>between</b> <!-- c -->")).toBe("&lt;b>between&lt;/b>");
  expect(inner("<!-- never closed\nand more")).toBe("");
});

test("the few tags that comments use keep their meaning", () => {
  expect(inner("<sub>small</sub> a<br>b")).toBe("<p><sub>small</sub> a<br>b</p>");
  expect(inner("<details><summary>More</summary>\n\n| a |\n|---|\n| b |\n\n</details>")).toMatch(
    /^<details><summary>More<\/summary>\s*<div class="table"><table>[\s\S]*<\/table><\/div>\s*<\/details>$/,
  );
});

test("what is left open is closed, and what closes nothing is dropped", () => {
  expect(inner("</details></details>x</strong>")).toBe("x");
  expect(inner("<details><strong>a <em>b")).toBe("<details><strong>a <em>b</em></strong></details>");
  expect(inner("<strong>a <em>b</strong> c</em>")).toBe("<p><strong>a <em>b</em></strong> c</p>");
});

test("pictures are links to themselves, and tasks are boxes that nobody can tick", () => {
  expect(inner("![shot](http://127.0.0.1:1/a.png)")).toBe(
    '<p><a class="picture" href="http://127.0.0.1:1/a.png" rel="nofollow noopener"><img src="http://127.0.0.1:1/a.png" alt="shot" loading="lazy"></a></p>',
  );
  expect(inner("[![shot](/a.png)](/b)")).toBe(
    '<p><a href="/b" rel="nofollow noopener"><img src="/a.png" alt="shot" loading="lazy"></a></p>',
  );
  expect(inner("- [x] done")).toContain('<span class="task done" role="img" aria-label="done"></span>');
});

test("numbers are links to issues where a repository is known, but not in code, words, entities and links", () => {
  const place = { repository: "/ann/shop" };
  expect(inner("Closes #1, see (#22).", place)).toBe(
    '<p>Closes <a href="/ann/shop/issues/1">#1</a>, see (<a href="/ann/shop/issues/22">#22</a>).</p>',
  );
  expect(inner("a#1 #1a `#1` &#91; #12345678901", place)).toBe("<p>a#1 #1a <code>#1</code> [ #12345678901</p>");
  expect(inner("Reverts eve/x.y#4", place)).toBe('<p>Reverts <a href="/eve/x.y/issues/4">eve/x.y#4</a></p>');
  expect(inner("[see #1](/x)", place)).toBe('<p><a href="/x" rel="nofollow noopener">see #1</a></p>');
  expect(inner("#1 of")).toBe("<p>#1 of</p>");
});

test("relative addresses are those of the file, and stay on this site", () => {
  const place = { shown: "/a/b/blob/main/docs/", plain: "/a/b/raw/main/docs/" };
  expect(inner("[x](c.md) [y](../d.md#e)", place)).toContain('href="/a/b/blob/main/docs/c.md"');
  expect(inner("[x](c.md) [y](../d.md#e)", place)).toContain('href="/a/b/blob/main/d.md#e"');
  expect(inner("![x](c.png)", place)).toContain('<img src="/a/b/raw/main/docs/c.png"');
  for (const address of ["javascript:alert(1)", "//elsewhere.example", "\\\\elsewhere.example", "data:text/html,x"])
    expect(inner(`[x](${address})`, place)).toBe("<p>x</p>");
});

test("headings go on from those of the page and skip none", () => {
  expect(inner("### a\n\n# b\n\n###### c").match(/<h\d/g)).toEqual(["<h3", "<h3", "<h4"]);
  expect(inner("# a\n\n## b", { firstLevel: 2 }).match(/<h\d/g)).toEqual(["<h2", "<h3"]);
});

test("signs before results are drawn, and a table's empty headings are none", () => {
  expect(inner("✅ passed")).toBe('<p><span class="sign good"></span> passed</p>');
  expect(inner("| | a |\n|---|--:|\n| ❌ failed | 1 |")).toBe(
    '<div class="table"><table><thead><tr><td></td><th class="right">a</th></tr></thead><tbody><tr><td><span class="sign bad"></span> failed</td><td class="right">1</td></tr></tbody></table></div>',
  );
  expect(inner("| | |\n|---|---|\n| a | b |")).toBe('<div class="table"><table><tbody><tr><td>a</td><td>b</td></tr></tbody></table></div>');
});

test("entities are the characters that they mean, and no tags", () => {
  expect(inner("&lt;script&gt; &amp;lt; &copy; a&b `&lt;`")).toBe("<p>&lt;script&gt; &amp;lt; &copy; a&amp;b <code>&amp;lt;</code></p>");
  expect(inner("&#60;script&#62;")).toBe("<p>&lt;script&gt;</p>");
});

test("control characters make an address unsafe", () => {
  expect(isSafeAddress("/\t/elsewhere.example")).toBe(false);
  expect(isSafeAddress("https://a.example/b")).toBe(true);
});

test.each([
  ">".repeat(65_000),
  "> ".repeat(32_000),
  "- ".repeat(32_000),
  "1. ".repeat(20_000),
  "_a".repeat(32_000),
  "~".repeat(65_000),
  "*a ".repeat(21_000),
])("text that would take seconds to read is shown as it is", (text) => {
  const startedAt = performance.now();
  expect(inner(text)).toBe(`<pre>${text.replaceAll(">", "&gt;")}</pre>`.trim());
  expect(performance.now() - startedAt).toBeLessThan(500);
});

test("long rules and long output in code are still Markdown", () => {
  const output = `${"~_".repeat(20)}\n`.repeat(800);
  expect(inner(`**a**\n\n${"-".repeat(80)}\n\n\`\`\`\n${output}\`\`\``)).toMatch(/^<p><strong>a<\/strong><\/p>\s*<hr>\s*<pre><code>/);
});
