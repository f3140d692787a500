/** Generated apps as people meet them in a browser: every kind of page, in light and dark, on a desktop and on a phone. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { blueprintOf, type BlueprintName } from "../../src/models/blueprint/catalog.ts";
import { renderCreateMigration } from "../../src/models/blueprint/render/migrations.ts";
import { hueFor, renderApp } from "../../src/models/blueprint/render/render-app.ts";
import { openBrowser, type Browser, type Page } from "../../src/process/browser.ts";
import { linkModules } from "../../src/process/modules.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../support/throwaway-postgres.ts";
import { verifyTools, writeTree } from "../support/verify-bench.ts";
import { violations } from "./axe.ts";

/** What a change of colours alone can break, and of the width. */
const OF_COLOURS = ["color-contrast", "link-in-text-block"];
const OF_WIDTH = ["target-size", "scrollable-region-focusable"];
const APPS = ["expenses", "rsvp", "inventory"] as const satisfies BlueprintName[];

let home: string;
let postgres: ThrowawayPostgres;
let browser: Browser;
const servers: ChildProcess[] = [];
const origins = new Map<string, string>();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "generated-apps-test-"));
  const tools = await verifyTools();
  [postgres, browser] = await Promise.all([startThrowawayPostgres(), openBrowser({ cacheDir: tools.browserCacheDir })]);
  await Promise.all(
    APPS.map(async (slug) => {
      const model = { slug, hue: hueFor(slug), ...blueprintOf(slug, new Date()) };
      const files = renderApp(model);
      const dir = join(home, slug);
      await writeTree(dir, Object.fromEntries(files));
      await linkModules(dir, tools.modulesDir);
      await postgres.createDatabase(slug, {
        [slug]: `${renderCreateMigration(model, "20260101000000").sql};\n${files.get("db/seed.sql") ?? ""}`,
      });
      const vite = [join(tools.modulesDir, "vite/bin/vite.js"), "build", "--configLoader", "native", "--logLevel", "error"];
      await once(spawn(process.execPath, vite, { cwd: dir, stdio: "inherit" }), "exit");
      origins.set(slug, await serve(slug, dir));
    }),
  );
});
afterAll(async () => {
  await browser?.close();
  for (const server of servers) {
    const exited = once(server, "exit");
    server.kill("SIGTERM");
    await exited;
  }
  await postgres?.close();
  await rm(home, { recursive: true, force: true });
});

/** Resolves to its origin. */
async function serve(slug: string, dir: string): Promise<string> {
  const databaseUrl = `postgres://app_${slug}@${postgres.host}:${postgres.port}/${slug}`;
  const server = spawn(process.execPath, ["src/server/main.ts"], {
    cwd: dir,
    env: { PATH: process.env["PATH"], DATABASE_URL: databaseUrl, PORT: "0", NODE_ENV: "production" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  servers.push(server);
  for await (const line of createInterface({ input: server.stdout })) {
    const origin = /http:\/\/\S+$/.exec(line)?.[0];
    if (origin !== undefined) return origin;
  }
  throw new Error(`The server of ${slug} ended before it listened.`);
}

async function open(slug: string): Promise<{ page: Page; problems: string[]; visit(path: string): Promise<void> }> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 844 },
    colorScheme: "light",
    reducedMotion: "reduce",
    locale: "en-US",
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`));
  const visit = async (path: string) => {
    await page.goto(`${origins.get(slug) ?? ""}${path}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForLoadState("networkidle");
  };
  return { page, problems, visit };
}

/** The page has taken on what was changed about its surroundings: axe must not measure a colour halfway. */
const SETTLED = `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  .then(() => Promise.allSettled(document.getAnimations().map((one) => one.finished)))
  .then(() => undefined)`;

/** Light and dark, desktop and phone. */
async function look(page: Page, what: string): Promise<string[]> {
  const found = (await violations(page)).map((line) => `${what}: ${line}`);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.evaluate(SETTLED);
  found.push(...(await violations(page, OF_COLOURS)).map((line) => `${what}, dark: ${line}`));
  await page.setViewportSize({ width: 390, height: 844 });
  await page.evaluate(SETTLED);
  found.push(...(await violations(page, OF_WIDTH)).map((line) => `${what}, phone: ${line}`));
  if (await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
    found.push(`${what}, phone: scrolls sideways`);
  await page.setViewportSize({ width: 1280, height: 844 });
  await page.emulateMedia({ colorScheme: "light" });
  await page.evaluate(SETTLED);
  return found;
}

const PAGES: Record<(typeof APPS)[number], string[]> = {
  expenses: [
    "/expenses",
    "/expenses?search=nothing-has-this",
    "/expenses?paidById=1",
    "/balances",
    "/people/1",
    "/payments/new?fromId=1&toId=2",
    "/expenses/1/edit",
    "/nowhere",
  ],
  rsvp: ["/events", "/events/2", "/guests?answer=Yes", "/guests/new?eventId=2"],
  inventory: ["/items", "/items/2", "/stock", "/suppliers", "/items/999999999"],
};

test.each(APPS)("no page of the %s keeps anybody out, has an error or scrolls sideways", async (slug) => {
  const { page, problems, visit } = await open(slug);
  const found: string[] = [];
  for (const path of PAGES[slug]) {
    await visit(path);
    found.push(...(await look(page, path)));
  }
  expect(found).toEqual([]);
  expect(problems.filter((line) => !/the server responded with a status of 404/.test(line))).toEqual([]);
});

test("an incomplete form, a question before a deletion and its refusal keep nobody out either", async () => {
  const { page, visit } = await open("expenses");
  await visit("/expenses/new");
  await page.getByRole("button", { name: "Create expense" }).click();
  await page.getByText("Choose one for Paid by.").waitFor();
  expect(await look(page, "an incomplete form")).toEqual([]);
  await visit("/people/1");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("alertdialog").waitFor();
  expect(await look(page, "the question")).toEqual([]);
  expect(await page.evaluate("document.activeElement.textContent")).toBe("Cancel");
  await page.getByRole("button", { name: "Delete person" }).click();
  await page.getByText("This person still has expenses").waitFor();
  expect(await look(page, "the refusal")).toEqual([]);
});

test("what somebody owes is gone when the payment is recorded, by keyboard alone", async () => {
  const { page, visit } = await open("expenses");
  await visit("/balances");
  const record = page.getByRole("link", { name: /^Record the payment from Mira to/ });
  await record.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "New payment" }).waitFor();
  await expect.poll(() => page.locator("select[aria-busy=true]").count()).toBe(0);
  await page.getByLabel("Note").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Edit" }).waitFor();
  await page.getByRole("link", { name: "Balances" }).click();
  await page.getByText("is settled").waitFor();
  expect(await record.count()).toBe(0);
});

test("a guest beyond the capacity is told so at the field, and one who fits is counted", async () => {
  const { page, visit } = await open("rsvp");
  await visit("/guests/new?eventId=2");
  await page.getByLabel("Name").fill("Kofi Mensah");
  await page.getByLabel("Plus ones").fill("15");
  await page.getByRole("button", { name: "Create guest" }).click();
  await page.getByText("Only 6 places are left, one of them for the guest.").waitFor();
  await page.getByLabel("Plus ones").fill("5");
  await page.getByRole("button", { name: "Create guest" }).click();
  await page.getByRole("link", { name: "Garden party" }).click();
  await page.getByText("12 of 12 places are taken").waitFor();
});

test("taking out of stock changes what is there, and never below nothing", async () => {
  const { page, visit } = await open("inventory");
  await visit("/items/4");
  await page.getByRole("button", { name: "Take out" }).click();
  await page.getByText("1 in stock now").waitFor();
  await page.getByLabel("Amount").fill("5");
  await page.getByRole("button", { name: "Take out" }).click();
  await page.getByText("Only 1 can be taken out.").waitFor();
});
