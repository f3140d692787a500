import { readdir, readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tinyApp, TINY_CONTRACT } from "../../test/fixtures/tiny-app.ts";
import { openBench, verifyTools, type Bench } from "../../test/support/verify-bench.ts";
import { openBrowser, type Browser } from "../process/browser.ts";
import { browseGate } from "./browse-gate.ts";
import { buildApp } from "./build.ts";
import { startApp, type RunningApp } from "./running-app.ts";

let browser: Browser;
let bench: Bench | undefined;
let running: RunningApp | undefined;

beforeAll(async () => {
  // The one that is carried along must do, whatever this machine has.
  const asUser = process.getuid?.() === 0 ? { uid: 51_999 } : {};
  browser = await openBrowser({ cacheDir: (await verifyTools()).browserCacheDir, prefer: "bundled", ...asUser });
});
afterEach(async () => {
  await running?.stop();
  await bench?.close();
  bench = running = undefined;
});
afterAll(() => browser.close());

async function processesOf(uid: number): Promise<string[]> {
  const found: string[] = [];
  for (const entry of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${entry}/status`, "utf8").catch(() => "");
    if (new RegExp(`^Uid:\\s+${uid}\\s`, "m").test(status) && !/^State:\s+Z/m.test(status)) found.push(entry);
  }
  return found;
}

/** A client that needs no database. */
const plainClient = (body: string) =>
  `import { createRoot } from "react-dom/client";\nfunction App() {\n  ${body}\n}\nconst root = document.getElementById("root");\nif (root) createRoot(root).render(<App />);\n`;

async function judge(client: string, server = tinyApp()["src/server/main.ts"]) {
  bench = await openBench({
    tiny: { files: tinyApp({ "src/client/main.tsx": client, "src/server/main.ts": server }), contract: TINY_CONTRACT },
  });
  const { context } = bench;
  const files: Buffer[] = [];
  const evidence = await browseGate(context, {
    browser: () => Promise.resolve(browser),
    contentLimitMs: 1000,
    async running(app) {
      expect(await buildApp(context, app)).toMatchObject({ ok: true });
      running = await startApp(context, app, "postgres://nobody@127.0.0.1:9/none");
      return running;
    },
    putFile: (bytes) => {
      files.push(Buffer.from(bytes));
      return Promise.resolve({ digest: `sha256:${files.length}` });
    },
  });
  return { evidence, files };
}

describe("the gate browse", () => {
  test("passes a page that shows something, with screenshots for desktop and phone", async () => {
    const { evidence, files } = await judge(plainClient('return <h1 style={{ fontFamily: "sans-serif" }}>Hello</h1>;'));
    expect(evidence).toMatchObject({ conclusion: "success", title: "1 app opened without an error" });
    expect(evidence.files.map(({ name }) => name)).toEqual(["tiny desktop.png", "tiny phone.png"]);
    expect(files.map((file) => [file.readUInt32BE(16), file.readUInt32BE(20)])).toEqual([
      [1280, 800],
      [390, 844],
    ]);
  });

  test.for([
    ["a console error", 'console.error("this is wrong");\n  return <h1>Hello</h1>;', "Console error: this is wrong"],
    ["an uncaught error", 'setTimeout(() => { throw new Error("lost"); });\n  return <h1>Hello</h1>;', "Uncaught error: lost"],
    ["a request that is answered with an error", 'void fetch("/none.json");\n  return <h1>Hello</h1>;', "GET /none.json answered 404"],
    ["an empty page", "return null;", "The page stayed empty for 1 s: #root shows nothing."],
  ])("fails on %s", async ([, body = "", problem = ""]) => {
    const { evidence } = await judge(plainClient(body));
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.summary).toContain(problem);
    expect(evidence.files).toHaveLength(2);
  });
});

describe("a page that may reach others", () => {
  test("fails when it asks another origin", async () => {
    const open = tinyApp()["src/server/main.ts"]?.replace(/app\.use\(secureHeaders.*\n/, "");
    const body = 'void fetch("http://example.org/track").catch(() => undefined);\n  return <h1>Hello</h1>;';
    const { evidence } = await judge(plainClient(body), open);
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.summary).toContain("Request to another origin: http://example.org/track");
  });
});

describe("the browser", () => {
  test.runIf(process.getuid?.() === 0)("runs as the user that it is told to, and leaves nothing running", async () => {
    const opened = await openBrowser({ cacheDir: (await verifyTools()).browserCacheDir, prefer: "bundled", uid: 51_998 });
    expect(await processesOf(51_998)).not.toEqual([]);
    await opened.close();
    await expect.poll(() => processesOf(51_998)).toEqual([]);
  });
});
