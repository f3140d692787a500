/** The read-only probe of a deployed app: its page and its queries, over HTTP, changing nothing. For the check on live previews and releases. */
import type { Evidence } from "../core/evidence.ts";
import type { Contract } from "../core/spec.ts";
import { count, settleGate } from "./gate.ts";
import { requestHttp } from "./http-call.ts";
import { callProcedure } from "./trpc-call.ts";

const LIMIT_MS = 120_000;
/** A sleeping app and its database wake first. */
const PAGE_LIMIT_MS = 60_000;

/**
 * Connects to `baseUrl` (`http://127.0.0.1:<port>`) and names `hostHeader` as the host. Calls no mutation. Never rejects: the evidence is of the
 * gate `preview`.
 */
export async function probeLive(baseUrl: string, hostHeader: string, contract: Contract): Promise<Evidence> {
  const redact = (text: string) => text;
  return settleGate("preview", { redact }, LIMIT_MS, async () => {
    const url = new URL(baseUrl);
    const address = { host: url.hostname, port: Number(url.port || 80), hostHeader };
    const page = await requestHttp({ ...address, path: "/", headers: { host: hostHeader, accept: "text/html" }, timeoutMs: PAGE_LIMIT_MS });
    const problems: string[] = [];
    if (page.status === undefined) problems.push(`GET / did not answer: ${page.error}`);
    else if (page.status !== 200) problems.push(`GET / answered ${page.status}`);
    else if (!page.contentType.startsWith("text/html") || !/<script\b/i.test(page.body))
      problems.push("GET / answered 200 with something else than the app's page");

    const assets = page.status === 200 ? [...page.body.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1] ?? "") : [];
    for (const path of assets) {
      const asset = await requestHttp({ ...address, path, headers: { host: hostHeader }, timeoutMs: PAGE_LIMIT_MS });
      if (asset.status !== 200)
        problems.push(`GET ${path} ${asset.status === undefined ? `did not answer: ${asset.error}` : `answered ${asset.status}`}`);
    }
    const queries = contract.procedures.filter(({ type }) => type === "query");
    const answers = [];
    for (const procedure of queries) answers.push(await callProcedure(address, procedure));
    const bad = answers.filter(({ ok }) => !ok);
    problems.push(...bad.map(({ procedure, note }) => `${procedure.name} ${note}`));
    const figures = `${answers.length - bad.length} of ${count(answers.length, "query", "queries")} answered`;
    return {
      ok: problems.length === 0,
      title: [problems.length === bad.length ? "the page loads" : "the page does not load", figures, ...problems.slice(0, 3)].join("; "),
      summary: [
        `\`${hostHeader}\`: ${count(assets.length, "asset")} of the page fetched.`,
        answers.length === 0
          ? "The contract has no query."
          : answers
              .map(({ procedure, ok, note }) => `- ${ok ? "✓" : "✗"} \`${procedure.name}\` ${note.replaceAll(/\s+/g, " ")}`)
              .join("\n"),
        ...(problems.length === 0 ? [] : [problems.map((problem) => `- **${problem.replaceAll(/\s+/g, " ")}**`).join("\n")]),
      ].join("\n\n"),
    };
  });
}
