/** The gate `browse`: each app opened in a browser as a person would, smoke only: it loads, nothing fails, something is shown. */
import type { Evidence } from "../core/evidence.ts";
import { toAdorableError } from "../core/errors.ts";
import type { Browser, Page } from "../process/browser.ts";
import { codeBlock, count, NO_APP, settleGate, type GateApp, type GateContext } from "./gate.ts";
import { outputOf, type RunningApp } from "./running-app.ts";

const LIMIT_MS = 240_000;
const LOAD_LIMIT_MS = 45_000;
const CONTENT_LIMIT_MS = 20_000;
const FAILED_CONTENT_LIMIT_MS = 1500;
/** No request for so long counts as settled. */
const QUIET_MS = 150;
const SETTLE_LIMIT_MS = 20_000;
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

export interface BrowseSources {
  running(app: GateApp): Promise<RunningApp>;
  browser(): Promise<Browser>;
  /** Stores a screenshot and returns its digest. */
  putFile(bytes: Uint8Array, contentType: string): Promise<{ digest: string }>;
  /** How long the page may take to show something after it has loaded, default 20 s. */
  contentLimitMs?: number;
}

interface AppVisit {
  app: GateApp;
  problems: string[];
  loadedMs?: number;
  screenshots: { name: string; bytes: Buffer }[];
  output?: string;
}

export async function browseGate(context: GateContext, sources: BrowseSources): Promise<Evidence> {
  return settleGate("browse", context, LIMIT_MS, async () => {
    if (context.apps.length === 0) return NO_APP;
    const browser = await sources.browser();
    const visits: AppVisit[] = [];
    for (const app of context.apps) visits.push(await visit(browser, app, sources));
    const files = await Promise.all(
      visits
        .flatMap((item) => item.screenshots)
        .map(async ({ name, bytes }) => ({ name, contentType: "image/png", digest: (await sources.putFile(bytes, "image/png")).digest })),
    );
    const problems = visits.flatMap((item) => item.problems);
    return {
      ok: problems.length === 0,
      title:
        problems.length === 0
          ? `${count(visits.length, "app")} opened without an error`
          : `${count(problems.length, "problem")}: ${problems[0] ?? ""}`,
      summary: visits.map(describe).join("\n\n"),
      files,
    };
  });
}

function describe({ app, problems, loadedMs, screenshots, output }: AppVisit): string {
  return [
    `### ${app.path}`,
    problems.length === 0 ? `Loaded in ${loadedMs ?? 0} ms; no console error, no failed request.` : codeBlock(problems.join("\n")),
    ...(screenshots.length === 0 ? [] : [`Screenshots: ${screenshots.map(({ name }) => name).join(", ")}.`]),
    ...(output === undefined || output.trim() === "" ? [] : [`Output of the server:\n\n${codeBlock(output)}`]),
  ].join("\n\n");
}

async function visit(browser: Browser, app: GateApp, sources: BrowseSources): Promise<AppVisit> {
  const result: AppVisit = { app, problems: [], screenshots: [] };
  let running: RunningApp;
  try {
    running = await sources.running(app);
  } catch (thrown) {
    const error = toAdorableError(thrown);
    return { ...result, problems: [error.message], output: outputOf(error) };
  }
  const context = await browser.newContext({ viewport: DESKTOP, colorScheme: "light", locale: "en-US", serviceWorkers: "block" });
  try {
    const page = await context.newPage();
    const { problems, settled } = watch(page, running.origin);
    const startedAt = performance.now();
    await open(page, running.origin, problems, sources.contentLimitMs ?? CONTENT_LIMIT_MS);
    await settled();
    result.loadedMs = Math.round(performance.now() - startedAt);
    result.screenshots.push({ name: `${app.spec.slug} desktop.png`, bytes: await page.screenshot({ animations: "disabled" }) });
    await page.setViewportSize(PHONE);
    result.screenshots.push({ name: `${app.spec.slug} phone.png`, bytes: await page.screenshot({ animations: "disabled" }) });
    result.problems.push(...problems);
  } finally {
    await context.close();
  }
  if (result.problems.length > 0) result.output = running.output();
  return result;
}

async function open(page: Page, origin: string, problems: Set<string>, contentLimitMs: number): Promise<void> {
  try {
    const response = await page.goto(`${origin}/`, { waitUntil: "load", timeout: LOAD_LIMIT_MS });
    if (response && !response.ok()) problems.add(`GET / answered ${response.status()}`);
  } catch (error) {
    problems.add(`The page did not load: ${firstLine(error)}`);
    return;
  }
  const startedAt = performance.now();
  while (!(await page.evaluate(hasContent))) {
    // What has failed already will hardly show itself later.
    const limitMs = problems.size > 0 ? Math.min(contentLimitMs, FAILED_CONTENT_LIMIT_MS) : contentLimitMs;
    if (performance.now() - startedAt > limitMs) {
      problems.add(`The page stayed empty for ${limitMs / 1000} s: #root shows nothing.`);
      return;
    }
    await page.waitForTimeout(50);
  }
}

/** Runs in the page. */
function hasContent(): boolean {
  const root = document.querySelector("#root");
  if (!(root instanceof HTMLElement) || root.getBoundingClientRect().height === 0) return false;
  return root.innerText.trim() !== "" || root.querySelector("img, svg, canvas, video, input") !== null;
}

/** Collects everything that goes wrong on the page from now on; `settled` waits until its requests have ended. */
function watch(page: Page, origin: string): { problems: Set<string>; settled(): Promise<void> } {
  const problems = new Set<string>();
  let open = 0;
  let changedAt = performance.now();
  const change = (by: number) => {
    open += by;
    changedAt = performance.now();
  };
  page.on("console", (message) => {
    // A failed request is reported by itself, with its address.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      problems.add(`Console error: ${message.text().slice(0, 1000)}`);
  });
  page.on("pageerror", (error) => problems.add(`Uncaught error: ${firstLine(error)}`));
  page.on("request", (request) => {
    change(1);
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && /^(?:https?|wss?):/.test(url)) problems.add(`Request to another origin: ${url.slice(0, 300)}`);
  });
  page.on("requestfailed", (request) => {
    change(-1);
    const reason = request.failure()?.errorText ?? "failed";
    // Given up by the page itself, as when a newer search replaces an older one.
    if (reason !== "net::ERR_ABORTED") problems.add(`${request.method()} ${request.url().replace(origin, "")} failed: ${reason}`);
  });
  page.on("requestfinished", () => change(-1));
  page.on("response", (response) => {
    if (response.status() >= 400)
      problems.add(`${response.request().method()} ${response.url().replace(origin, "")} answered ${response.status()}`);
  });
  const settled = async () => {
    const deadline = performance.now() + SETTLE_LIMIT_MS;
    while (performance.now() < deadline && (open > 0 || performance.now() - changedAt < QUIET_MS)) await page.waitForTimeout(25);
    if (open > 0) problems.add(`${count(open, "request")} did not end within ${SETTLE_LIMIT_MS / 1000} s.`);
  };
  return { problems, settled };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]?.slice(0, 500) ?? "";
}
