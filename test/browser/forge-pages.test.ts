/** The forge's pages as people meet them in a browser. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPages } from "../../src/forge/pages/pages.ts";
import { openBrowser, type Browser, type Page } from "../../src/process/browser.ts";
import { verifyTools } from "../support/verify-bench.ts";
import { violations } from "./axe.ts";
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

/** One that adds a file. */
async function openPull(branch: string, path: string): Promise<number> {
  const { rest } = scene.world.as("ann");
  const main = (await rest.git.getRef({ ...SHOP, ref: "heads/main" })).data.object.sha;
  await rest.git.createRef({ ...SHOP, ref: `refs/heads/${branch}`, sha: main });
  await rest.repos.createOrUpdateFileContents({ ...SHOP, path, branch, message: path, content: Buffer.from(path).toString("base64") });
  return (await rest.pulls.create({ ...SHOP, head: branch, base: "main", title: path })).data.number;
}

async function open(login: string): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 844 }, colorScheme: "light" });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`));
  await page.goto(await scene.logIn(login));
  return { page, problems };
}

/** What a change of colours or width alone can break, and the size of what is pressed. */
const OF_LOOKS = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"];

test("no page keeps anybody out, has an error or scrolls sideways, in light and dark, on a desktop and on a phone", async () => {
  const { page, problems } = await open("ann");
  const shop = [
    "",
    "/tree/main/apps",
    "/branches",
    "/commits/main",
    "/issues",
    "/issues?q=nothing+has+this",
    "/pulls",
    "/actions",
    "/deployments",
    "/releases",
    "/releases/tag/release-1",
    "/settings",
    "/issues/new",
    `/issues/${scene.issue}`,
    `/actions/runs/${scene.run}`,
    "/commit/main",
    "/blob/main/apps/blog/src/server/posts.ts",
    "/blob/main/README.md",
    `/pull/${scene.open}/files?on=R13%3Aapps%2Fblog%2Fsrc%2Fserver%2Fposts.ts`,
    ...[scene.merged, scene.open].flatMap((number) => ["", "/checks", "/files"].map((tab) => `/pull/${number}${tab}`)),
    `/pull/${scene.conflicting}`,
    `/pull/${scene.revert}`,
  ];
  const fresh = ["", "/issues", "/pulls", "/actions", "/deployments", "/releases"];
  const refused = "/ann/shop/nowhere";
  const paths = ["/", "/ann/blank", ...fresh.map((path) => `/ann/fresh${path}`), ...shop.map((path) => `/ann/shop${path}`), refused];
  const widest = () => page.evaluate(() => document.documentElement.scrollWidth);
  for (const path of paths) {
    await page.setViewportSize({ width: 1280, height: 844 });
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto(scene.url + path);
    expect([await page.locator("h1").count(), await widest(), await violations(page)], path).toEqual([1, 1280, []]);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await violations(page, OF_LOOKS), `${path} dark`).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect([await widest(), await violations(page)], `${path} dark, phone`).toEqual([390, []]);
    await page.emulateMedia({ colorScheme: "light" });
    expect(await violations(page, OF_LOOKS), `${path} phone`).toEqual([]);
  }
  expect(problems.filter((problem) => !problem.includes(refused))).toEqual([]);
  await page.context().close();
}, 720_000);

test("colours change at once, are remembered, and do not take away what is typed", async () => {
  const { page } = await open("ann");
  await page.goto(`${scene.url}/ann/shop/issues/${scene.issue}`);
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.getByLabel("Comment as ann").fill("Half a thought");
  const remembered = page.waitForResponse((answer) => answer.url().endsWith("/theme"));
  await page.getByRole("button", { name: "Dark colours" }).click();
  expect(await background()).not.toBe(light);
  expect(await page.getByLabel("Comment as ann").inputValue()).toBe("Half a thought");
  await remembered;
  await page.goto(`${scene.url}/ann/shop`);
  expect(await background()).not.toBe(light);
  await page.getByRole("button", { name: "Light colours" }).click();
  expect(await background()).toBe(light);
  await page.context().close();
});

test("the keyboard alone writes, sends and closes", async () => {
  const { data } = await scene.world.as("ann").rest.issues.create({ ...SHOP, title: "By keyboard" });
  const { page, problems } = await open("ann");
  await page.goto(`${scene.url}/ann/shop/issues/${data.number}`);
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.closest("main") !== null)).toBe(true);
  await page.getByLabel("Comment as ann").focus();
  await page.keyboard.type("Sent by keys");
  await page.keyboard.press("Control+Enter");
  await page.locator("article").getByText("Sent by keys").waitFor();
  await page.getByLabel("Comment as ann").focus();
  await page.keyboard.type("And done");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe("Close issue");
  await page.keyboard.press("Enter");
  await page.locator(".sub").getByText("Closed").waitFor();
  await page.locator("article").getByText("And done").waitFor();
  await page.getByRole("button", { name: "Open issue again" }).click();
  await page.locator(".sub").getByText("Open", { exact: true }).waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
});

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

test("a line is commented on where it stands, and the conversation leads back to it", async () => {
  const { page, problems } = await open("wren");
  await page.goto(`${scene.url}/ann/shop/pull/${scene.open}/files`);
  const file = page.locator("details", { has: page.getByText("apps/blog/src/server/posts.ts", { exact: true }) });
  await file.getByRole("link", { name: "Comment on line 13", exact: true }).first().click();
  await page.getByLabel("Comment on line 13 of").fill("Why was it <b>that</b>?");
  await page.keyboard.press("Control+Enter");
  await file.getByText("Why was it <b>that</b>?").waitFor();
  await page.goto(`${scene.url}/ann/shop/pull/${scene.open}`);
  await page.locator("article", { hasText: "Why was it" }).getByText("posts.ts:13").click();
  await page.waitForURL(/files#r\d+$/);
  expect(problems).toEqual([]);
  await page.context().close();
});

test("the merge box follows by itself, and what is open, scrolled and chosen stays", async () => {
  const { page, problems } = await open("ann");
  const [ann, wren, app] = [scene.world.as("ann"), scene.world.as("wren"), await scene.world.asApp()];
  await page.goto(`${scene.url}/ann/shop/pull/${scene.revert}`);
  const box = page.locator(".merge");
  expect(await box.getByRole("heading").allTextContents()).toEqual(["No conflicts with the base branch"]);
  const sha = pull(scene.revert)?.headSha ?? "";
  const check = { ...SHOP, head_sha: sha, name: "adorable/types" };
  const { data: run } = await app.rest.checks.create({ ...check, status: "in_progress" });
  await box.getByText("Checks are running").waitFor();
  await page.getByLabel("Comment as ann").fill("Half a thought");
  await box.locator(".fold summary").click();
  await box.getByLabel("How to merge").click();
  await box.getByText("Squash", { exact: true }).click();
  expect(await box.getByRole("button", { name: "Squash and merge" }).isVisible()).toBe(true);
  const scrolled = await page.evaluate(() => {
    scrollTo(0, 200);
    return scrollY;
  });
  await app.rest.checks.update({ ...SHOP, check_run_id: run.id, status: "completed", conclusion: "success" });
  await box.getByText("The check passed").waitFor();
  const state = () =>
    page.evaluate(() => ({
      scrolled: scrollY,
      menu: document.querySelector<HTMLDetailsElement>("#merge-method")?.open,
      method: document.querySelector<HTMLInputElement>("[name=method]:checked")?.value,
      typed: document.querySelector<HTMLTextAreaElement>("#body")?.value,
    }));
  expect(await state()).toEqual({ scrolled, menu: true, method: "squash", typed: "Half a thought" });
  await wren.rest.pulls.merge({ ...SHOP, pull_number: scene.revert });
  await page.locator(".merge.merged").getByRole("button", { name: "Revert" }).waitFor();
  expect(await page.getByLabel("Comment as ann").inputValue()).toBe("Half a thought");
  await ann.rest.git.deleteRef({ ...SHOP, ref: `heads/${pull(scene.revert)?.headRef}` });
  await page.getByRole("button", { name: "Restore branch" }).waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
});

test("without script a pull request is read, merged in a chosen way, and its branch deleted", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  const number = await openPull("plain-page", "NOTES.md");
  await page.goto(await scene.logIn("ann", `/ann/shop/pull/${number}`));
  await page.getByLabel("How to merge").click();
  await page.getByText("Squash", { exact: true }).click();
  await page.getByRole("button", { name: "Squash and merge" }).click();
  await page.getByRole("heading", { name: "Merged" }).waitFor();
  expect(pull(number)).toMatchObject({ isMerged: true, mergeMethod: "squash" });
  await page.getByRole("button", { name: "Delete branch" }).click();
  await page.getByRole("button", { name: "Restore branch" }).waitFor();
  await page.getByRole("button", { name: "Dark colours" }).click();
  expect(await page.getByRole("button", { name: "Light colours" }).isVisible()).toBe(true);
  await context.close();
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
  await page.getByText("Written meanwhile").waitFor({ timeout: 60_000 });
  await page.context().close();
});
