/** The forge's pages as people meet them in a browser. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPages } from "../../src/forge/pages/pages.ts";
import { openBrowser, type Browser, type Page } from "../../src/process/browser.ts";
import { verifyTools } from "../support/verify-bench.ts";
import { HOSTILE, startScene, type Scene } from "./forge-scene.ts";

const SHOP = { owner: "ann", repo: "shop" };
let scene: Scene;
let browser: Browser;

beforeAll(async () => {
  const asUser = process.getuid?.() === 0 ? { uid: 51_997 } : {};
  const opening = verifyTools().then(({ browserCacheDir }) => openBrowser({ cacheDir: browserCacheDir, prefer: "bundled", ...asUser }));
  [scene, browser] = await Promise.all([startScene(), opening]);
});
afterAll(async () => {
  await browser?.close();
  await scene?.close();
});

function pull(number: number) {
  const { state } = scene.world.forge.core;
  return state.pull(state.repository("ann", "shop")?.id ?? 0, number);
}

async function open(
  login: string,
  options: { width?: number; colorScheme?: "light" | "dark" } = {},
): Promise<{ page: Page; problems: string[] }> {
  const { width = 1280, colorScheme = "light" } = options;
  const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`));
  await page.goto(await scene.logIn(login));
  return { page, problems };
}

test.each([{ width: 390, colorScheme: "dark" as const }, { width: 1280 }])(
  "no page has an error or scrolls sideways: %o",
  async (options) => {
    const { page, problems } = await open("ann", options);
    const shop = [
      "",
      "/issues",
      "/pulls",
      "/actions",
      "/releases",
      "/issues/new",
      `/issues/${scene.issue}`,
      `/actions/runs/${scene.run}`,
      "/commit/main",
      "/blob/main/apps/blog/src/server/posts.ts",
    ];
    const pulls = [scene.merged, scene.open, scene.conflicting].flatMap((number) =>
      ["", "/checks", "/files"].map((tab) => `/pull/${number}${tab}`),
    );
    for (const path of ["/", "/ann/blank", "/ann/blank/pulls", ...[...shop, ...pulls].map((path) => `/ann/shop${path}`)]) {
      await page.goto(scene.url + path);
      const { width, headings } = await page.evaluate(() => ({
        width: document.documentElement.scrollWidth,
        headings: document.querySelectorAll("h1").length,
      }));
      expect([width, headings], path).toEqual([options.width, 1]);
    }
    expect(problems).toEqual([]);
    await page.context().close();
  },
);

test("hostile text does nothing and reaches nothing around it", async () => {
  const { data } = await scene.world
    .as("ann")
    .rest.issues.create({ ...SHOP, title: "<script>document.title='owned'</script>", body: HOSTILE });
  await scene.world.as("ann").rest.issues.createComment({ ...SHOP, issue_number: data.number, body: "After it." });
  const { page, problems } = await open("wren");
  await page.goto(`${scene.url}/ann/shop/issues/${data.number}`);
  const found = await page.evaluate(() => {
    const body = document.querySelector("article .prose");
    const bad = [...(body?.querySelectorAll("*") ?? [])].filter(
      (node) =>
        /^(script|style|iframe|form|svg|button|object)$/i.test(node.tagName) ||
        [...node.attributes].some(({ name }) => name.startsWith("on")),
    );
    const addresses = [...(body?.querySelectorAll("a") ?? [])].map((link) => link.href);
    const after = [...document.querySelectorAll("article .prose")].at(-1);
    return {
      bad: bad.length,
      addresses,
      text: body?.textContent ?? "",
      details: body?.querySelectorAll("details sub").length,
      weight: after && getComputedStyle(after).fontWeight,
      parents: [...document.querySelectorAll("article")].map((article) => article.parentElement?.tagName),
    };
  });
  expect(found).toMatchObject({ bad: 0, details: 1, weight: "400", parents: ["SECTION", "SECTION"] });
  expect(found.addresses.filter((address) => !address.startsWith("http://a/"))).toEqual([]);
  expect(found.text).toContain("visible");
  expect(found.text).not.toContain("hidden");
  expect(await page.title()).toContain("<script>");
  expect(problems).toEqual([]);
  await page.context().close();
});

test("a check shows its pictures, a link to it opens it, and a choice to close it stays", async () => {
  const { page } = await open("rita");
  const checks = (await scene.world.as("ann").rest.checks.listForRef({ ...SHOP, ref: pull(scene.open)?.headSha ?? "" })).data.check_runs;
  const types = checks.find((check) => check.name === "adorable/types");
  await page.goto(types?.html_url ?? "");
  await expect.poll(() => page.locator(`#check-${types?.id}`).getAttribute("open")).toBe("");
  const widths = () => page.locator(".evidence img").evaluateAll((list) => list.map((image) => (image as HTMLImageElement).naturalWidth));
  await page.locator(".evidence img").last().scrollIntoViewIfNeeded();
  await expect.poll(widths).toEqual([1280, 390]);
  const failed = page.locator("details", { hasText: "adorable/tests" });
  expect(await failed.locator(".annotation").textContent()).toContain("posts.test.ts:31");
  await failed.locator("summary").click();
  const app = await scene.world.asApp();
  const running = checks.find((check) => check.status === "in_progress");
  await app.rest.checks.update({
    ...SHOP,
    check_run_id: running?.id ?? 0,
    status: "completed",
    conclusion: "failure",
    output: { title: "It failed", summary: "So it is." },
  });
  const ended = page.locator("details", { hasText: "adorable/contract" });
  await ended.getByText("It failed").waitFor();
  expect(await ended.getAttribute("open")).toBe("");
  expect(await failed.getAttribute("open")).toBeNull();
  await page.context().close();
});

test("what others write appears while one writes, and a half-typed comment and its focus stay", async () => {
  const { page, problems } = await open("ann");
  await page.goto(`${scene.url}/ann/shop/issues/${scene.issue}`);
  const field = page.getByLabel("Comment as ann");
  await field.click();
  await field.pressSequentially("Half a ");
  const wren = scene.world.as("wren");
  for (const word of ["first", "second"]) {
    await wren.rest.issues.createComment({ ...SHOP, issue_number: scene.issue, body: `The ${word} from elsewhere` });
    await page.getByText(`The ${word} from elsewhere`).waitFor();
    expect(await field.evaluate((node) => node === document.activeElement)).toBe(true);
    await page.keyboard.type("thought ");
  }
  // Also where the focus is elsewhere.
  await page.getByRole("heading", { level: 1 }).click();
  await wren.rest.issues.createComment({ ...SHOP, issue_number: scene.issue, body: "The third from elsewhere" });
  await page.getByText("The third from elsewhere").waitFor();
  expect(await field.inputValue()).toBe("Half a thought thought ");
  await page.getByRole("button", { name: "Comment" }).click();
  await page.locator("article").getByText("Half a thought thought").waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
});

test("a run's log is read while it grows", async () => {
  const { data } = await scene.world.as("ann").request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
    ...SHOP,
    workflow_id: "adorable.yml",
    ref: "main",
    inputs: { phase: "work", mode: "hang" },
    return_run_details: true,
  });
  const id = (data as unknown as { workflow_run_id: number }).workflow_run_id;
  const { page, problems } = await open("ann");
  await page.goto(`${scene.url}/ann/shop/actions/runs/${id}`);
  await page.getByText(/^child \d+$/).waitFor();
  expect(await page.locator(".log .group .t").allTextContents()).toContain("facts");
  expect(await page.locator(".log").first().textContent()).not.toMatch(/##\[|tell-nobody|\d{4}-\d\d-\d\dT/);
  await scene.world.as("ann").rest.actions.cancelWorkflowRun({ ...SHOP, run_id: id });
  await page.locator(".badge", { hasText: "cancelled" }).waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
});

/** Last: it closes the forge. */
test("pages that listen do not keep the forge from closing, and catch up when it is back", async () => {
  const { page } = await open("ann");
  await page.goto(`${scene.url}/ann/shop/issues/${scene.issue}`);
  await page.waitForFunction(() => performance.getEntriesByType("resource").some((entry) => entry.name.includes("idiomorph")));
  const startedAt = performance.now();
  await scene.world.restart({ pages: createPages });
  expect(performance.now() - startedAt).toBeLessThan(5000);
  await scene.world.as("wren").rest.issues.createComment({ ...SHOP, issue_number: scene.issue, body: "Written meanwhile" });
  await page.getByText("Written meanwhile").waitFor({ timeout: 15_000 });
  await page.context().close();
});
