import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { create } from "tar";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findBrowser, openBrowser } from "./browser.ts";

let home: string;
let packageDir: string;
let cacheDir: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "browser-test-"));
  packageDir = join(home, "package");
  cacheDir = join(home, "cache");
  await mkdir(join(packageDir, "bin"), { recursive: true });
  await writeFile(join(packageDir, "package.json"), '{"version":"1.2.3"}');
  await writeFile(join(packageDir, "bin/chromium.br"), brotliCompressSync("#!/bin/sh\necho no browser >&2\nexit 1\n"));
  for (const [name, file] of [
    ["al2023", "lib/libnss3.so"],
    ["fonts", "fonts/Open.ttf"],
    ["swiftshader", "libEGL.so"],
  ] as const) {
    const from = join(home, name);
    await mkdir(join(from, "lib"), { recursive: true });
    await mkdir(join(from, "fonts"), { recursive: true });
    await writeFile(join(from, file), name);
    const tar = create({ cwd: from, sync: true }, [file]).read() as Buffer;
    await writeFile(join(packageDir, `bin/${name}.tar.br`), brotliCompressSync(tar));
  }
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe.runIf(process.platform === "linux")("the carried browser", () => {
  const find = () => findBrowser({ cacheDir, packageDir, prefer: "bundled" });

  test("is unpacked whole, with libraries and fonts that need nothing of the system", async () => {
    const { executablePath, environment } = await find();
    const root = join(cacheDir, "chromium-1.2.3");
    expect(executablePath).toBe(join(root, "chromium"));
    expect(environment["LD_LIBRARY_PATH"]?.startsWith(`${join(root, "lib")}:${root}`)).toBe(true);
    expect(await readFile(join(root, "lib/libnss3.so"), "utf8")).toBe("al2023");
    expect(await readFile(environment["FONTCONFIG_FILE"] ?? "", "utf8")).toContain(`<dir>${root}/fonts</dir>`);
  });

  test("is unpacked once, even when several ask at the same time", async () => {
    const found = await Promise.all([find(), find(), find()]);
    expect(new Set(found.map(({ executablePath }) => executablePath)).size).toBe(1);
    await find();
    expect(await readdir(cacheDir)).toEqual(["chromium-1.2.3"]);
  });

  test("is never half there: what an interrupted start left is not used", async () => {
    await mkdir(join(cacheDir, ".chromium-1.2.3-0123456789ab"), { recursive: true });
    await writeFile(join(cacheDir, ".chromium-1.2.3-0123456789ab/chromium"), "half");
    const { executablePath } = await find();
    expect(await readFile(executablePath, "utf8")).toContain("no browser");
  });

  test("that does not start is an error that says what to do", async () => {
    await expect(openBrowser({ cacheDir, packageDir, prefer: "bundled", timeoutMs: 5000 })).rejects.toMatchObject({
      code: "browser-unavailable",
      remedy: "operator",
      hint: expect.stringContaining("ADORABLE_BROWSER=bundled") as string,
    });
  });
});
