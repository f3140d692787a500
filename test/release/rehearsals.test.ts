/** What the rehearsal on production's own data tells: names, rounded times and counts, and never a value of a row. */
import { inspect } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forkNames, withFork } from "../../src/change/forks.ts";
import { migrationsEvidence } from "../../src/change/migrations-gate.ts";
import type { Evidence } from "../../src/core/evidence.ts";
import { newId, type EnvironmentId, type TreeId } from "../../src/core/ids.ts";
import { appRole, endpointName } from "../../src/core/names.ts";
import { rehearseCandidate } from "../../src/release/candidate.ts";
import { putApp } from "../support/app-artifacts.ts";
import { openControlPlane, PRODUCTION, type ControlPlane } from "../support/control-plane.ts";

const SECRET = "geheim4711";
const FIRST = "apps/blog/db/migrations/20260101000000_notes.sql";
const NEXT = "apps/blog/db/migrations/20260102000000_next.sql";

/** An app whose API answers with `answer` and a server error, and whose page is `page`. */
function serve(answer: string, page: string): string {
  return `import { createServer } from "node:http";
createServer((request, response) => {
  if (request.url.startsWith("/api/")) response.writeHead(500, { "content-type": "application/json" }).end(${JSON.stringify(answer)});
  else if (request.url.startsWith("/assets/")) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": "text/html" }).end(${JSON.stringify(page)});
}).listen(Number(process.env.PORT), process.env.HOST);
`;
}

describe("the rehearsal of a migration", () => {
  let plane: ControlPlane;
  const logged: unknown[] = [];
  beforeAll(async () => {
    plane = await openControlPlane();
    for (const level of ["info", "error"] as const) plane.platform.log[level] = (...entry) => void logged.push(entry);
    await plane.release();
    await plane.merged(
      await plane.commit({ [FIRST]: "create table notes (id bigint primary key, body text not null, mood text default 'good');\n" }),
      2,
      "ada",
    );
    await plane.settle();
    await plane.sql(`insert into blog.notes select i, '${SECRET}' from generate_series(1, 40) i`);
  });
  afterAll(() => plane?.[Symbol.asyncDispose]());

  /** What the gate says of main with this migration. */
  async function judge(sql: string): Promise<Evidence> {
    const commit = await plane.commit({ [NEXT]: sql }, "change");
    const tree = (await plane.mirror.treeOf(commit)) as TreeId;
    return migrationsEvidence(plane.platform, await plane.project(), plane.mirror, tree);
  }

  test("says in the gate what it cost, what it destroys, what it blocks, and how the schema changes", async () => {
    const evidence = await judge(
      "alter table notes drop mood;\ncreate index notes_body on notes (body);\nupdate notes set body = body || '!';\nalter table notes add at timestamp default now();\n",
    );
    expect(evidence.conclusion).toBe("success");
    expect(evidence.title).toMatch(
      /^1 pending, rehearsed on a fork of production in ≤ \d+ ms; 2 destructive steps: drops the column notes.mood, rewrites/,
    );
    expect(evidence.durationMs).toSatisfy((ms: number) => /^[125]0+$/.test(String(ms)));
    expect(evidence.summary).toMatch(
      new RegExp(
        `\\| \`${NEXT}\` \\| ≤ \\d+ ms \\| \`blog.notes\` not read or written, ≤ \\d+ ms \\| ≤ 50 \\| line 1: drops the column notes.mood<br>line 3: rewrites`,
      ),
    );
    expect(evidence.summary).toContain(`- **\`${NEXT}:1\` drops the column notes.mood** (\`ban-drop-column\`) Its values are lost`);
    expect(evidence.summary).toMatch(
      /builds the index notes\\_body on notes\*\* \(`require-concurrent-index-creation`\).*In the rehearsal: ≤ \d+ ms, short enough here/,
    );
    expect(evidence.summary).toContain("(`prefer-timestamptz`)");
    expect(evidence.summary).toMatch(
      /```diff\n- column blog\.notes\.mood text\n\+ column blog\.notes\.at timestamp without time zone\n\+ index notes_body on blog\.notes\n```/,
    );
    expect(evidence.annotations.map(({ path, line }) => `${path}:${line}`)).toEqual([`${NEXT}:1`, `${NEXT}:2`, `${NEXT}:3`]);
    expect(JSON.stringify(evidence)).not.toContain(SECRET);
  });

  test("fails the gate with file and line, and quotes nothing but the tree", async () => {
    const evidence = await judge("select 1;\nalter table notes alter body type bigint using body::bigint;\n");
    expect(evidence).toMatchObject({
      conclusion: "failure",
      summary: expect.stringContaining(`"${NEXT}", line 2 failed with 22P02: invalid text representation.`),
      annotations: [{ path: NEXT, line: 2, message: expect.stringContaining("22P02") }],
    });
    expect(JSON.stringify(evidence)).not.toContain(SECRET);
    const refused = await judge(`do $$ begin raise exception '%', (select body from blog.notes limit 1); end $$;\n`);
    expect(refused).toMatchObject({ conclusion: "failure", summary: expect.stringContaining("runs a code block") });
  });

  test("fails the gate where clients would have to wait for too long", async () => {
    const { settings } = plane.platform;
    settings.holdBudgetMs = 5;
    const evidence = await judge("alter table notes add x text;\n");
    settings.holdBudgetMs = 5000;
    expect(evidence).toMatchObject({ conclusion: "failure", title: "Clients would wait for too long" });
    expect(evidence.summary).toContain("| migration | took |");
  });

  test("goes on a fork that nobody who knows production's addresses can connect to", async () => {
    const { platform } = plane;
    const { id } = await plane.project();
    const known = await platform.database.credential(endpointName(id, PRODUCTION), appRole("blog"));
    const seen: string[] = [];
    const { endpoint } = platform.database;
    platform.database.endpoint = async (name, to, epoch) => {
      const made = await endpoint.call(platform.database, name, to, epoch);
      for (const user of [known.user, "adorable", "migrator_blog"]) {
        const client = new pg.Client({ host: known.host, port: known.port, database: name, user, password: known.password });
        client.on("error", () => undefined);
        seen.push(
          await client.connect().then(
            () => "connected",
            (error: { code?: string }) => String(error.code),
          ),
        );
        await client.end().catch(() => undefined);
      }
      return made;
    };
    const commit = await plane.commit({ [NEXT]: "alter table notes add y text;\n" }, "change");
    const tree = (await plane.mirror.treeOf(commit)) as TreeId;
    await migrationsEvidence(platform, await plane.project(), plane.mirror, tree);
    platform.database.endpoint = endpoint;
    expect(seen).toEqual(["28P01", "28P01", "28P01"]);
    const names = forkNames(`gate_${id}_${tree.slice(0, 16)}`);
    expect(await platform.database.findEndpoint(names.endpoint)).toBeUndefined();
    expect((await platform.database.listTimelines()).map((one) => one.id)).not.toContain(names.timeline);
  });

  test("tells with the release what was measured", async () => {
    await plane.merged(await plane.commit({ [NEXT]: "update notes set mood = 'bad' where id < 30;\n" }), 3, "ada");
    await plane.settle();
    const text = plane.github.said
      .filter(({ on }) => on === 3)
      .map((one) => one.text)
      .join("\n");
    expect(text).toContain("Migrations, as rehearsed on a fork of production");
    expect(text).toMatch(new RegExp(`\\| \`${NEXT}\` \\| .+ \\| nothing \\| 50 \\| none \\|`));
    expect(String((await plane.rollouts()).at(-1)?.data.rehearsal?.takesMs)).toMatch(/^[125]0+$/);
  });

  test.each([
    ["prints", `console.log("${SECRET}"); process.exit(1);`, "it did not start"],
    ["links to", serve("", `<script src="/assets/${SECRET}.js"></script>`), "its page does not load"],
    [
      "answers with",
      serve(JSON.stringify({ error: { message: SECRET, data: { code: SECRET } } }), "<script></script>"),
      "notes.list did not answer",
    ],
  ])("lets no value out that the candidate %s", async (_, source, what) => {
    const { platform } = plane;
    const { id } = await plane.project();
    const digest = await putApp(platform.artifacts, { "package.json": '{"type":"module"}', "src/server/main.ts": source });
    const contract = { procedures: [{ name: "notes.list", type: "query" as const }], tables: [] };
    const spec = { version: 1 as const, apps: [{ slug: "blog", name: "Blog", contract }] };
    const failure: unknown = await withFork(platform, id, "candidate", null, (fork) =>
      rehearseCandidate(platform, id, { id: newId<EnvironmentId>("env"), spec, artifacts: { blog: digest } }, fork),
    ).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: "candidate-failed", message: expect.stringContaining(what) });
    expect(inspect(failure, { depth: 20 })).not.toContain(SECRET);
  });

  test("lets no value out by a release that fails on it: not by comments, checks, logs or what is stored", async () => {
    const third = "apps/blog/db/migrations/20260103000000_third.sql";
    const fail = async (number: number, files: Record<string, string | null>): Promise<void> => {
      await plane.merged(await plane.commit(files), number, "ada");
      await plane.settle();
      expect((await plane.rollouts()).at(-1)?.state).toBe("aborted");
    };
    await fail(4, { [third]: "select body::regclass from notes;\n" });
    await fail(5, { [third]: "insert into notes (id, body) select 1, body from notes limit 1;\n" });
    await fail(6, {
      [third]: `create function f() returns text immutable language sql as $$ select body from notes limit 1 $$;\ncreate index on notes ((f()::bigint));\n`,
    });

    const rows = await plane.platform.store.rows("select * from rollouts");
    const evidence = await plane.platform.store.rows("select * from evidence");
    const said = inspect([plane.github.said, logged, rows, evidence], {
      depth: 20,
      maxStringLength: null,
      maxArrayLength: null,
      showHidden: true,
    });
    expect(said).toContain("migration-failed");
    expect(said).not.toContain(SECRET);
    expect(await plane.sql("select count(*)::int as n from blog.notes")).toEqual([{ n: 40 }]);
  });
});
