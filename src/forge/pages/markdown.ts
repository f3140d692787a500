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

/** Where a text stands: what its numbers and relative addresses mean. Paths of this site, with a slash at the end where they are folders. */
export interface Place {
  /** `/owner/name`: `#1` is its issue, or nothing without it. */
  repository?: string;
  /** The folder of the page that shows a file, for links, and of the files as they are, for pictures. */
  shown?: string;
  plain?: string;
  /** Of its first headings; default 3, below the sections of a page. */
  firstLevel?: number;
}

/** Signs that platforms write before a result: drawn here, as not every system has pictures of them. */
const SIGNS: Record<string, string> = { "✅": "good", "❌": "bad", "⏳": "busy" };

/** For one text: its headings go on from the page's, whatever level they begin with, and skip none. */
function markedIn({ repository, shown, plain, firstLevel = 3 }: Place): Marked {
  let top: number | undefined;
  let level = firstLevel - 1;
  return new Marked({
    gfm: true,
    breaks: true,
    renderer: {
      html: ({ text }: Tokens.HTML | Tokens.Tag) => plainHtml(text),
      heading({ tokens, depth }: Tokens.Heading) {
        top ??= depth;
        level = Math.min(6, Math.max(firstLevel, firstLevel + depth - top), level + 1);
        return `<h${level} class="depth-${depth}">${this.parser.parseInline(tokens)}</h${level}>`;
      },
      text(token: Tokens.Text | Tokens.Escape) {
        if ("tokens" in token && token.tokens !== undefined) return this.parser.parseInline(token.tokens);
        const text = "escaped" in token && token.escaped === true ? token.text : escapeText(token.text);
        const signed = text.replaceAll(/[✅❌⏳]\uFE0F?/gu, (sign) => `<span class="sign ${SIGNS[sign[0] ?? ""] ?? ""}"></span>`);
        if (repository === undefined) return signed;
        return signed.replaceAll(
          /(^|[\s(])([\w.-]+\/[\w.-]+)?#(\d{1,9})(?![\w-])/g,
          (_, before: string, other: string | undefined, number: string) => {
            const place = other === undefined ? repository : `/${other}`;
            return `${before}<a href="${escape(place)}/issues/${number}">${other ?? ""}#${number}</a>`;
          },
        );
      },
      table(token: Tokens.Table) {
        const cells = (row: Tokens.TableCell[], tag: string) =>
          row
            .map(({ tokens, align }) => `<${tag}${align === null ? "" : ` class="${align}"`}>${this.parser.parseInline(tokens)}</${tag}>`)
            .join("");
        const isHeaded = token.header.some((cell) => cell.text.trim() !== "");
        // A heading that says nothing is none.
        const headings = token.header.map((cell) => cells([cell], cell.text.trim() === "" ? "td" : "th")).join("");
        const head = isHeaded ? `<thead><tr>${headings}</tr></thead>` : "";
        const table = `<table>${head}<tbody>${token.rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("")}</tbody></table>`;
        // As wide as it must be on a phone: then it scrolls, and can be reached to do so.
        const reach = token.header.length > 3 ? ` role="group" aria-label="Table" tabindex="0"` : "";
        return `<div class="table"${reach}>${table}</div>`;
      },
      link({ href, tokens }: Tokens.Link) {
        // Pictures are links to themselves, which cannot be inside another.
        const inner = this.parser.parseInline(tokens).replaceAll(/<\/?a\b[^>]*>/g, "");
        const address = absolute(href, shown);
        return isSafeAddress(address) ? `<a href="${escape(address)}" rel="nofollow noopener">${inner}</a>` : inner;
      },
      image({ href, text }: Tokens.Image) {
        const address = absolute(href, plain);
        if (!isSafeAddress(address) || /^mailto:/i.test(address)) return escape(text);
        const picture = `<img src="${escape(address)}" alt="${escape(text)}" loading="lazy">`;
        return `<a class="picture" href="${escape(address)}" rel="nofollow noopener">${picture}</a>`;
      },
      checkbox: ({ checked }: Tokens.Checkbox) =>
        `<span class="task${checked ? " done" : ""}" role="img" aria-label="${checked ? "done" : "to do"}"></span>`,
    },
  });
}

/** A relative address within `folder`, if that stays on this site; any other as it is. */
function absolute(href: string, folder: string | undefined): string {
  if (folder === undefined || /^([a-z][\w+.-]*:|[/\\#])/i.test(href)) return href;
  const url = URL.parse(href, `http://own.invalid${folder}`);
  return url?.origin === "http://own.invalid" ? `${url.pathname}${url.search}${url.hash}` : href;
}

export function markdown(text: string | null, place: Place = {}): HtmlEscapedString {
  return raw(`<div class="prose">${balance(render(text ?? "", place))}</div>`) as HtmlEscapedString;
}

/** As it was written where reading it as Markdown would take seconds, or cannot be done. */
function render(text: string, place: Place): string {
  const prose = text.replaceAll(FENCED, "");
  const isTame = !DEEP.test(text) && !/[*_~]{200}/.test(prose) && (prose.match(/[*_~]+/g)?.length ?? 0) <= MAX_MARKS;
  if (isTame) {
    try {
      return markedIn(place).parse(text, { async: false });
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

/** As it was written, where entities mean characters. */
function escapeText(text: string): string {
  return escape(text).replaceAll(/&amp;(#\d{1,7}|#x[\da-f]{1,6}|[a-z]\w{1,30});/gi, "&$1;");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
