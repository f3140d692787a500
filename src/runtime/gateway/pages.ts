/** The gateway's own answers: a short page for people, JSON for programs. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";

export interface Answer {
  status: number;
  /** Kebab-case: what people search for. */
  code: string;
  title: string;
  text: string;
  headers?: OutgoingHttpHeaders;
}

/** Sends the answer, and closes the connection if the request's body was not read: its rest must not be taken for a request. */
export function answer(request: IncomingMessage, response: ServerResponse, what: Answer): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const wantsPage = (request.headers.accept ?? "").includes("text/html");
  const body = wantsPage ? page(what) : `${JSON.stringify({ error: { code: what.code, message: what.text } })}\n`;
  response.writeHead(what.status, {
    "content-type": wantsPage ? "text/html; charset=utf-8" : "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
    "x-adorable-reason": what.code,
    ...(request.complete ? {} : { connection: "close" }),
    ...what.headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** The same as raw bytes, for a connection that asked to be upgraded. */
export function rawAnswer(what: Answer): string {
  const body = `${JSON.stringify({ error: { code: what.code, message: what.text } })}\n`;
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body), connection: "close", ...what.headers };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${what.status} ${what.title.replaceAll(/[^ -~]/g, "")}`, ...lines, "", body].join("\r\n");
}

function page({ title, text, code }: Answer): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escape(title)}</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; background: light-dark(oklch(.985 .003 80), oklch(.175 .006 260));
  color: light-dark(oklch(.25 .01 260), oklch(.94 .005 260)); font: 16px/1.6 "Geist Variable", system-ui, sans-serif; }
main { max-width: 26rem; margin: 2rem; padding: 2rem; border-radius: 16px; border: 1px solid light-dark(oklch(.912 .004 80), oklch(.3 .008 260));
  background: light-dark(#fff, oklch(.212 .007 260)); }
h1 { margin: 0 0 .5rem; font-size: 1.375rem; line-height: 1.25; letter-spacing: -.02em; }
p { margin: 0; color: light-dark(oklch(.49 .01 260), oklch(.735 .01 260)); }
code { display: inline-block; margin-top: 1.25rem; font: 13px/1.4 ui-monospace, monospace; color: light-dark(oklch(.49 .01 260), oklch(.735 .01 260)); }
</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<p>${escape(text)}</p>
<code>${escape(code)}</code>
</main>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

export const UNKNOWN_HOST: Answer = {
  status: 404,
  code: "host-unknown",
  title: "Nothing lives here",
  text: "No app answers at this address. It may have been removed, or the address is not complete.",
};

export const NEEDS_ACCESS: Answer = {
  status: 401,
  code: "access-required",
  title: "This preview shows production data",
  text: "Open it through a fresh link from the pull request or the dashboard. Links work once, within ten minutes.",
};

export function heldTooLong(retryAfterSeconds: number): Answer {
  return {
    status: 503,
    code: "place-held",
    title: "Back in a moment",
    text: "This app is being changed right now. Nothing was lost; please try again shortly.",
    headers: { "retry-after": String(retryAfterSeconds) },
  };
}

export function appDown(code: string): Answer {
  return {
    status: 502,
    code,
    title: "The app does not answer",
    text: "It could not be started, or it closed the connection. Its log says why.",
    headers: { "retry-after": "5" },
  };
}
