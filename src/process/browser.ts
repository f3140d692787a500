/** A headless Chromium: the system's where there is one, else the one that npm carries, with its own libraries and fonts. */
import { randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, chmod, constants, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress } from "node:zlib";
import { chromium, type Browser } from "playwright-core";
import { extract } from "tar";
import { AdorableError } from "../core/errors.ts";

export type { Browser, Page } from "playwright-core";

const SYSTEM_BROWSERS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** What the carried build needs on a machine without graphics. Web security stays on, and so does one process per page. */
const ARGUMENTS = [
  "--ash-no-nudges",
  "--disable-domain-reliability",
  "--disable-print-preview",
  "--disk-cache-size=33554432",
  "--no-default-browser-check",
  "--no-pings",
  "--font-render-hinting=none",
  "--disable-features=AudioServiceOutOfProcess",
  "--ignore-gpu-blocklist",
  "--in-process-gpu",
  "--no-zygote",
];

export interface BrowserOptions {
  /** Where the carried browser is unpacked to, once per version: about 240 MB below the platform's data directory. */
  cacheDir: string;
  /** `bundled` never looks for the system's; by default `ADORABLE_BROWSER` decides. */
  prefer?: "system" | "bundled";
  /** The folder of the package `@sparticuz/chromium`, where the caller is bundled and cannot resolve it. */
  packageDir?: string;
  /** As root: the user that it runs as. `cacheDir` must be passable for that user. Pages are code of others. */
  uid?: number;
  /** Bound for starting, default 30 s. */
  timeoutMs?: number;
}

export interface BrowserInstallation {
  executablePath: string;
  environment: Record<string, string>;
}

/**
 * Starts a browser; the caller closes it. Reaches loopback only: every other host name is refused inside it.
 * Throws `browser-unavailable` (operator) when there is none or it does not start.
 */
export async function openBrowser(options: BrowserOptions): Promise<Browser> {
  const { executablePath, environment } = await findBrowser(options);
  const user = options.uid === undefined ? {} : { RUN_AS: String(options.uid), RUN_PROGRAM: executablePath };
  try {
    return await chromium.launch({
      executablePath: options.uid === undefined ? executablePath : await writeUserScript(options.cacheDir),
      headless: true,
      args: [...ARGUMENTS, "--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
      // Its own sandbox works neither for root nor where user namespaces are closed.
      chromiumSandbox: false,
      env: {
        PATH: process.env["PATH"] ?? "/usr/bin:/bin",
        HOME: options.cacheDir,
        TMPDIR: tmpdir(),
        // The sound library would make a folder of its own in the temporary directory, and leave it there.
        PULSE_RUNTIME_PATH: join(options.cacheDir, "pulse"),
        LANG: "C.UTF-8",
        TZ: "UTC",
        ...environment,
        ...user,
      },
      timeout: options.timeoutMs ?? 30_000,
      handleSIGHUP: false,
      handleSIGINT: false,
      handleSIGTERM: false,
    });
  } catch (cause) {
    throw new AdorableError({
      code: "browser-unavailable",
      remedy: "operator",
      message: `The browser "${executablePath}" did not start: ${firstLines(cause)}`,
      hint: "Install Chromium, or set ADORABLE_BROWSER=bundled to use the one that is carried along.",
      cause,
    });
  }
}

/** The browser that would be started, unpacked if it is the carried one. Throws `browser-unavailable` (operator). */
export async function findBrowser(options: BrowserOptions): Promise<BrowserInstallation> {
  const preference = options.prefer ?? (process.env["ADORABLE_BROWSER"] === "bundled" ? "bundled" : "system");
  const executablePath = preference === "system" ? await systemBrowser() : undefined;
  if (executablePath !== undefined) return { executablePath, environment: {} };
  return unpackBrowser(options);
}

/** The system's own browser, if there is one in a known place. */
export async function systemBrowser(): Promise<string | undefined> {
  for (const path of SYSTEM_BROWSERS) if (await isExecutable(path)) return path;
  return undefined;
}

/** Unpacks the carried browser unless that was done before. Atomic: a folder under its final name is complete. */
async function unpackBrowser(options: BrowserOptions): Promise<BrowserInstallation> {
  if (process.platform !== "linux") {
    throw new AdorableError({
      code: "browser-unavailable",
      remedy: "operator",
      message: `No browser was found, and none is carried for "${process.platform}".`,
      hint: "Install Google Chrome.",
    });
  }
  const packageDir = options.packageDir ?? dirname(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))));
  const { version } = JSON.parse(await readFile(join(packageDir, "package.json"), "utf8")) as { version: string };
  const home = join(options.cacheDir, `chromium-${version}`);
  if (!(await isExecutable(join(home, "chromium")))) {
    const draft = join(options.cacheDir, `.chromium-${version}-${randomBytes(6).toString("hex")}`);
    try {
      await unpack(join(packageDir, "bin"), draft);
      await rename(draft, home).catch(async (error: NodeJS.ErrnoException) => {
        // Another process was faster.
        if (!(await isExecutable(join(home, "chromium")))) throw error;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  await writeFontsConfiguration(home);
  const libraries = [join(home, "lib"), home, process.env["LD_LIBRARY_PATH"]].filter(Boolean).join(":");
  return {
    executablePath: join(home, "chromium"),
    environment: { LD_LIBRARY_PATH: libraries, FONTCONFIG_PATH: home, FONTCONFIG_FILE: join(home, "fonts.conf") },
  };
}

async function unpack(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const binary = join(to, "chromium");
  await Promise.all([
    pipeline(createReadStream(join(from, "chromium.br")), createBrotliDecompress(), createWriteStream(binary)),
    ...["al2023", "fonts", "swiftshader"].map((name) =>
      pipeline(createReadStream(join(from, `${name}.tar.br`)), createBrotliDecompress(), extract({ cwd: to, strict: true })),
    ),
  ]);
  await chmod(binary, 0o755);
}

/** The library that starts the browser knows no users; it makes the profile's folder as ours, so that has to change hands first. */
async function writeUserScript(cacheDir: string): Promise<string> {
  const path = join(cacheDir, "run-as-user");
  const text = [
    "#!/bin/sh",
    'for word; do case "$word" in --user-data-dir=*) chown -R "$RUN_AS:$RUN_AS" "${word#*=}" ;; esac; done',
    'exec setpriv --reuid="$RUN_AS" --regid="$RUN_AS" --clear-groups --no-new-privs --pdeathsig KILL -- "$RUN_PROGRAM" "$@"\n',
  ].join("\n");
  await writeWhole(path, text, 0o755);
  return path;
}

/** Theirs names folders of another system. Written each time, as the cache may have been moved. */
async function writeFontsConfiguration(home: string): Promise<void> {
  const text = [
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">`,
    `<fontconfig><dir>${home}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>${home}/fonts-cache</cachedir>`,
    ...["sans-serif", "serif", "monospace", "system-ui"].map(
      (family) => `<alias><family>${family}</family><prefer><family>Open Sans</family></prefer></alias>`,
    ),
    `<config></config></fontconfig>\n`,
  ].join("\n");
  await writeWhole(join(home, "fonts.conf"), text, 0o644);
}

async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const present = await readFile(path, "utf8").catch(() => "");
  if (present === text) return;
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(draft, text, { mode });
  await rename(draft, path);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function firstLines(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n").slice(0, 12).join("\n").slice(0, 2000);
}
