/** Markdown as people wrote it, as HTML that can do nothing: raw HTML is shown as text but for a few bare tags, addresses are http(s), mail or of this site. */
import { raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { Marked, type Tokens } from "marked";

/** Tags that keep their meaning when they carry no attribute. */
const KEPT = /^<\/?(?:sub|sup|details|summary|br|kbd|strong|em)\s*\/?>/i;
/** Elements without an end tag, of those that can come out. */
const VOID = new Set(["br", "img", "hr"]);

/** A line that opens very many quotes and lists at once: each is read again within the one around it. */
const DEEP = /^(?:[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])[ \t])){40}/m;
/** A block of code, in which marks are nothing. */
const FENCED = /^(`{3,20}|~{3,20})[^\n]*\n[\s\S]*?^\1/gm;
/** Emphasis takes time by the square of its marks. */
const MAX_MARKS = 4000;

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }: Tokens.HTML | Tokens.Tag) => plainHtml(text),
    link({ href, tokens }: Tokens.Link) {
      // Pictures are links to themselves, which cannot be inside another.
      const inner = this.parser.parseInline(tokens).replaceAll(/<\/?a\b[^>]*>/g, "");
      return isSafeAddress(href) ? `<a href="${escape(href)}" rel="nofollow noopener">${inner}</a>` : inner;
    },
    image({ href, text }: Tokens.Image) {
      if (!isSafeAddress(href) || /^mailto:/i.test(href)) return escape(text);
      const picture = `<img src="${escape(href)}" alt="${escape(text)}" loading="lazy">`;
      return `<a class="picture" href="${escape(href)}" rel="nofollow noopener">${picture}</a>`;
    },
    checkbox: ({ checked }: Tokens.Checkbox) =>
      `<span class="task${checked ? " done" : ""}" role="img" aria-label="${checked ? "done" : "to do"}"></span>`,
  },
});

export function markdown(text: string | null): HtmlEscapedString {
  return raw(`<div class="prose">${balance(render(text ?? ""))}</div>`) as HtmlEscapedString;
}

/** As it was written where reading it as Markdown would take seconds, or cannot be done. */
function render(text: string): string {
  const prose = text.replaceAll(FENCED, "");
  const isTame = !DEEP.test(text) && !/[*_~]{200}/.test(prose) && (prose.match(/[*_~]+/g)?.length ?? 0) <= MAX_MARKS;
  if (isTame) {
    try {
      return marked.parse(text, { async: false });
    } catch (error) {
      // Nested in a way that `DEEP` does not know; anything else is a fault of ours.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return `<pre>${escape(text)}</pre>`;
}

/** Of this site, of the web, or mail. Browsers read `\` as `/` and skip control characters, so neither may be in it. */
export function isSafeAddress(href: string): boolean {
  return /^(https?:\/\/|mailto:|\/(?!\/)|#)/i.test(href) && !/[\\\p{Cc}]/u.test(href);
}

/** Hidden markers of comments stay hidden, to the end where one is left open. */
function plainHtml(text: string): string {
  return text.replaceAll(/<!--[\s\S]*?(?:-->|$)/g, "").replaceAll(/<[^<]*/g, (part) => (KEPT.test(part) ? part : `&lt;${part.slice(1)}`));
}

/** Drops end tags that end nothing and ends what was left open, so that one text cannot reach into the page around it. */
function balance(text: string): string {
  const open: string[] = [];
  const balanced = text.replaceAll(/<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*)>/gi, (tag, slash: string, written: string) => {
    const name = written.toLowerCase();
    if (VOID.has(name)) return slash === "" ? tag : "";
    if (slash === "") {
      open.push(name);
      return tag;
    }
    const at = open.lastIndexOf(name);
    if (at < 0) return "";
    return endTags(open.splice(at));
  });
  return balanced + endTags(open);
}

function endTags(names: string[]): string {
  return names
    .toReversed()
    .map((name) => `</${name}>`)
    .join("");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
