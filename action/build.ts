/** Bundles the Action's driver into one file. What gates execute stays outside, in the tools' folder that the runner machine provides. */
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { rolldown, type Plugin } from "rolldown";

/** Native or large packages: loaded from `ADORABLE_TOOLS` when a gate first needs them. */
const TOOL_PACKAGES = ["oxc-parser", "oxc-resolver", "playwright-core"] as const;
const VIRTUAL = "\0adorable-tool:";

/** Writes `<outDir>/action.yml`, `package.json` and `dist/main.js`. Idempotent. Throws what the bundler throws. */
export async function buildAction(outDir: string): Promise<void> {
  const here = import.meta.dirname;
  await mkdir(join(outDir, "dist"), { recursive: true });
  const bundle = await rolldown({
    input: join(here, "main.ts"),
    platform: "node",
    external: ["pg-native"],
    plugins: [toolPackages()],
    logLevel: "warn",
  });
  try {
    await bundle.write({
      dir: join(outDir, "dist"),
      format: "esm",
      entryFileNames: "main.js",
      codeSplitting: false,
      minify: false,
      comments: false,
    });
  } finally {
    await bundle.close();
  }
  if (resolve(outDir) !== here) {
    await copyFile(join(here, "action.yml"), join(outDir, "action.yml"));
    await writeFile(join(outDir, "package.json"), '{\n  "type": "module"\n}\n');
  }
}

/** A bare import would be looked up beside the bundle; this one is looked up in the tools' folder, and only when it is used. */
function toolPackages(): Plugin {
  return {
    name: "tool-packages",
    resolveId(source) {
      return (TOOL_PACKAGES as readonly string[]).includes(source) ? `${VIRTUAL}${source}` : null;
    },
    async load(id) {
      if (!id.startsWith(VIRTUAL)) return null;
      const name = id.slice(VIRTUAL.length);
      const names = Object.keys((await import(name)) as object).filter((key) => key !== "default" && /^[A-Za-z_$][\w$]*$/.test(key));
      return [
        'import { createRequire } from "node:module";',
        'import { join } from "node:path";',
        `const tool = createRequire(join(process.env.ADORABLE_TOOLS ?? "", "package.json"))(${JSON.stringify(name)});`,
        ...names.map((key) => `export const ${key} = tool[${JSON.stringify(key)}];`),
        "export default tool.default ?? tool;",
      ].join("\n");
    },
  };
}
