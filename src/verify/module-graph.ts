/** The module graph of one app: every import of every file, resolved. */
import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { parseSync } from "oxc-parser";
import { ResolverFactory } from "oxc-resolver";

export interface ModuleImport {
  specifier: string;
  line: number;
  /** `import type …`: gone before anything runs. */
  isType: boolean;
  /** `import(…)`: runs later, so it closes no cycle. */
  isDynamic: boolean;
  target: ImportTarget;
}

export type ImportTarget =
  /** Relative to the app. */
  | { kind: "file"; path: string }
  /** A file outside the app's folder: absolute. */
  | { kind: "outside"; path: string }
  | { kind: "package"; name: string; resolves: boolean }
  | { kind: "builtin" }
  | { kind: "missing" };

export interface SourceModule {
  /** Relative to the app. */
  path: string;
  imports: ModuleImport[];
  syntaxErrors: { line: number; message: string }[];
}

/** Reads `files` (relative to `appDir`, a real path) and resolves what they import. */
export async function readModuleGraph(appDir: string, files: string[]): Promise<Map<string, SourceModule>> {
  const resolver = new ResolverFactory({
    extensions: [".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs", ".json", ".css"],
    extensionAlias: { ".js": [".js", ".ts", ".tsx"], ".jsx": [".jsx", ".tsx"] },
    conditionNames: ["node", "import", "browser", "types", "style", "default"],
    mainFields: ["module", "main", "style"],
    ...(files.includes("tsconfig.json") ? {} : { symlinks: true }),
  });
  const modules = new Map<string, SourceModule>();
  for (const path of files) {
    const text = await readFile(join(appDir, path), "utf8");
    modules.set(path, readModule(appDir, path, text, resolver));
  }
  return modules;
}

function readModule(appDir: string, path: string, text: string, resolver: ResolverFactory): SourceModule {
  const parsed = parseSync(path, text);
  const lineAt = lineCounter(text);
  const imports: ModuleImport[] = [];
  const add = (specifier: string, start: number, isType: boolean, isDynamic: boolean) =>
    imports.push({ specifier, line: lineAt(start), isType, isDynamic, target: resolve(appDir, path, specifier, resolver) });

  for (const { moduleRequest, start } of parsed.module.staticImports) {
    add(moduleRequest.value, start, /^import\s+type\b/.test(text.slice(start, start + 40)), false);
  }
  for (const { start, entries } of parsed.module.staticExports) {
    const request = entries.find((entry) => entry.moduleRequest)?.moduleRequest;
    if (request) add(request.value, start, /^export\s+type\b/.test(text.slice(start, start + 40)), false);
  }
  for (const { moduleRequest, start } of parsed.module.dynamicImports) {
    const literal = /^(["'`])([^"'`$]*)\1$/.exec(text.slice(moduleRequest.start, moduleRequest.end));
    if (literal?.[2] !== undefined) add(literal[2], start, false, true);
  }
  const syntaxErrors = parsed.errors.map((error) => ({ line: lineAt(error.labels[0]?.start ?? 0), message: error.message }));
  return { path, imports, syntaxErrors };
}

function resolve(appDir: string, from: string, specifier: string, resolver: ResolverFactory): ImportTarget {
  // `./icon.svg?url` and `./text.md?raw` are the bundler's way to ask for a file in another form.
  const request = specifier.replace(/\?.*$/, "");
  if (isBuiltin(request)) return { kind: "builtin" };
  if (request.startsWith("/")) {
    const found = resolver.sync(appDir, `./public${request}`).path ?? resolver.sync(appDir, `.${request}`).path;
    return found === undefined ? { kind: "missing" } : within(appDir, found);
  }
  if (!request.startsWith(".")) {
    const name = packageName(request);
    return { kind: "package", name, resolves: resolver.sync(join(appDir, dirname(from)), request).path !== undefined };
  }
  const found = resolver.sync(join(appDir, dirname(from)), request).path;
  if (found !== undefined) return within(appDir, found);
  const wanted = join(appDir, dirname(from), request);
  return wanted.startsWith(`${appDir}/`) ? { kind: "missing" } : { kind: "outside", path: wanted };
}

function within(appDir: string, found: string): ImportTarget {
  return found.startsWith(`${appDir}/`) ? { kind: "file", path: found.slice(appDir.length + 1) } : { kind: "outside", path: found };
}

export function packageName(specifier: string): string {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? specifier);
}

/** The cycles among `modules`, each as the files in the order of their imports, beginning with the first by name. */
export function findCycles(modules: Map<string, SourceModule>): string[][] {
  const next = (path: string): string[] =>
    (modules.get(path)?.imports ?? []).flatMap(({ target, isType, isDynamic }) =>
      target.kind === "file" && !isType && !isDynamic && modules.has(target.path) ? [target.path] : [],
    );
  const cycles: string[][] = [];
  const reported = new Set<string>();
  const done = new Set<string>();
  for (const start of [...modules.keys()].sort()) {
    // Depth first without recursion: generated chains may be long.
    const path: string[] = [];
    const onPath = new Set<string>();
    const stack: { node: string; rest: string[] }[] = [];
    const enter = (node: string) => {
      path.push(node);
      onPath.add(node);
      stack.push({ node, rest: next(node) });
    };
    if (!done.has(start)) enter(start);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const node = top.rest.shift();
      if (node === undefined) {
        stack.pop();
        path.pop();
        onPath.delete(top.node);
        done.add(top.node);
      } else if (onPath.has(node)) {
        const cycle = path.slice(path.indexOf(node));
        const key = cycle.toSorted().join("\n");
        if (!reported.has(key)) cycles.push(rotate(cycle));
        reported.add(key);
      } else if (!done.has(node)) {
        enter(node);
      }
    }
  }
  return cycles;
}

function rotate(cycle: string[]): string[] {
  const first = cycle.indexOf(cycle.toSorted()[0] ?? "");
  return [...cycle.slice(first), ...cycle.slice(0, first)];
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) starts.push(index + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}
