/** Markdown as people wrote it, as HTML that can do nothing: raw HTML is shown as text, addresses are http(s), mail or of this site. */
import { Marked, type Tokens } from "marked";
import { raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html({ text }: Tokens.HTML | Tokens.Tag) {
      // Hidden markers of comments stay hidden; a few harmless tags keep their meaning; everything else is text.
      if (/^\s*<!--[\s\S]*-->\s*$/.test(text)) return "";
      return text.replaceAll(/<(?!\/?(?:sub|sup|details|summary|br|kbd|p|strong|em)\s*\/?>)/gi, "&lt;");
    },
    link({ href, tokens }: Tokens.Link) {
      const inner = this.parser.parseInline(tokens);
      return isSafe(href) ? `<a href="${escape(href)}" rel="nofollow noopener">${inner}</a>` : inner;
    },
    image({ href, text }: Tokens.Image) {
      return isSafe(href) ? `<img src="${escape(href)}" alt="${escape(text)}" loading="lazy" />` : escape(text);
    },
  },
});

export function markdown(text: string | null): HtmlEscapedString {
  return raw(marked.parse(text ?? "", { async: false })) as HtmlEscapedString;
}

function isSafe(href: string): boolean {
  return /^(https?:\/\/|mailto:|\/(?!\/)|#)/i.test(href);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
