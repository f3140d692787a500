/** A person at a browser: writes a post through the app's own form. */
import { openBrowser } from "../process/browser.ts";
import { claim } from "./check.ts";

/** Opens the app at `url`, fills the form and waits until the page shows the post. */
export async function writePostThroughPage(options: { url: string; title: string; body: string; cacheDir: string }): Promise<void> {
  const browser = await openBrowser({ cacheDir: options.cacheDir });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    await page.goto(`${options.url}/posts/new`);
    await page.getByLabel("Title").fill(options.title);
    await page.getByLabel("Body").fill(options.body);
    await page.locator("form button[type=submit]").click();
    await page.getByRole("heading", { name: options.title }).waitFor({ timeout: 15_000 });
    claim(problems.length === 0, "the page has no error", problems);
  } finally {
    await browser.close();
  }
}
