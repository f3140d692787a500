/** Small real apps as artifacts, for tests of what runs apps. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { create } from "tar";
import type { ArtifactStore } from "../../src/artifacts/artifacts.ts";
import type { Digest } from "../../src/core/ids.ts";

/** Stores an app of these files as the gates do: a gzipped tar of its folder. */
export async function putApp(artifacts: ArtifactStore, files: Record<string, string>): Promise<Digest> {
  const folder = await mkdtemp(join(tmpdir(), "app-"));
  try {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    return await artifacts.put(Readable.from(create({ gzip: true, cwd: folder, portable: true }, Object.keys(files))));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A server whose answer to everything but `/health` is the JSON of `body`, an expression over `request` and `state`. */
export function serverOf(body: string, before = ""): Record<string, string> {
  return {
    "package.json": JSON.stringify({ type: "module" }),
    "src/server/main.ts": `import { createServer } from "node:http";
const state: { count: number } = { count: 0 };
${before}
const server = createServer((request, response) => {
  if (request.url === "/health") { response.end("ok"); return; }
  state.count += 1;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(${body}));
});
server.listen(Number(process.env.PORT), process.env.HOST);
`,
  };
}
