import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tinyApp, TINY_CONTRACT, TINY_MIGRATION } from "../../test/fixtures/tiny-app.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../../test/support/throwaway-postgres.ts";
import { openBench, type Bench } from "../../test/support/verify-bench.ts";
import type { Contract } from "../core/spec.ts";
import { buildApp } from "./build.ts";
import { contractGate } from "./contract-gate.ts";
import { probeLive } from "./probe-live.ts";
import { startApp, type RunningApp } from "./running-app.ts";

let postgres: ThrowawayPostgres;
let bench: Bench | undefined;
const started: RunningApp[] = [];

beforeAll(async () => {
  postgres = await startThrowawayPostgres();
  await postgres.createDatabase("whole", { tiny: TINY_MIGRATION });
  await postgres.createDatabase("bare", { tiny: "" });
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.stop()));
  await bench?.close();
  bench = undefined;
});
afterAll(() => postgres.close());

interface Case {
  contract?: Contract;
  base?: Contract;
  changes?: Record<string, string | undefined>;
  database?: string;
  limitMs?: number;
}

const PASSWORD = "a-password-of-the-database";

async function judge({ contract = TINY_CONTRACT, base, changes = {}, database = "whole", limitMs }: Case) {
  bench = await openBench({ tiny: { files: tinyApp(changes), contract } }, [PASSWORD]);
  const { context } = bench;
  const target = { host: postgres.host, port: postgres.port, database, user: "app_tiny", password: PASSWORD };
  let running: Promise<RunningApp> | undefined;
  return contractGate(context, {
    database: () => Promise.resolve(target),
    baseContract: () => Promise.resolve(base),
    running: (app) => {
      running ??= startApp(context, app, `postgres://app_tiny:${PASSWORD}@${postgres.host}:${postgres.port}/${database}`, limitMs);
      void running.then((value) => started.push(value)).catch(() => undefined);
      return running;
    },
  });
}

const query = (name: string) => ({ name, type: "query" as const });

describe("the gate contract", () => {
  test("passes when every procedure answers and every table exists; a refused input is an answer", async () => {
    const evidence = await judge({});
    expect(evidence).toMatchObject({ conclusion: "success", title: "2 of 2 procedures answered, 1 of 1 table exist" });
    expect(evidence.summary).toContain("| ✓ | mutation | `notes.add` | 400 BAD_REQUEST |");
  });

  test("names the procedure that was forgotten", async () => {
    const evidence = await judge({ contract: { ...TINY_CONTRACT, procedures: [...TINY_CONTRACT.procedures, query("notes.search")] } });
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.title).toBe("2 of 3 procedures answered, 1 of 1 table exist; notes.search is missing");
  });

  test("names the table that was forgotten", async () => {
    const evidence = await judge({ contract: { ...TINY_CONTRACT, tables: ["notes", "tags"] } });
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.title).toContain("table tags is missing");
  });

  test("names the procedure that fails on the server, and shows what the server said", async () => {
    const evidence = await judge({ contract: { ...TINY_CONTRACT, tables: [] }, database: "bare" });
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.title).toContain("notes.list failed with 500");
  });

  test("names the procedure that is of the other type", async () => {
    const evidence = await judge({ contract: { tables: [], procedures: [query("notes.add")] } });
    expect(evidence.title).toContain("notes.add is not a query");
  });

  test("a page instead of a tRPC answer is no answer", async () => {
    const main = tinyApp()["src/server/main.ts"]?.replace(
      'app.all("/api/trpc/*"',
      'app.get("/api/trpc/*", (context) => context.html("<p>hello</p>"));\napp.all("/other/*"',
    );
    const evidence = await judge({ changes: { "src/server/main.ts": main } });
    expect(evidence.title).toContain("notes.list answered 200 with something else than tRPC");
  });

  test("says what the base declares and this tree does not", async () => {
    const base = { procedures: [...TINY_CONTRACT.procedures, query("notes.search")], tables: ["notes", "tags"] };
    const evidence = await judge({ base });
    expect(evidence.conclusion).toBe("success");
    expect(evidence.title).toContain("no longer declared: procedure notes.search, table tags");
  });

  test("a server that exits fails every procedure, with its output and without its secrets", async () => {
    const evidence = await judge({
      changes: { "src/server/main.ts": 'console.log("my url is", process.env["DATABASE_URL"], process.env["HOME"]);\nprocess.exit(3);\n' },
    });
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.title).toContain("tiny could not be asked; notes.list was not asked");
    expect(evidence.summary).toContain("ended with 3 instead of listening on PORT");
    expect(evidence.summary).toContain("my url is");
    expect(evidence.summary).not.toContain(PASSWORD);
  });

  test("a server that hangs is ended, and nothing of it remains", async () => {
    const pid = "src/server/main.ts";
    const evidence = await judge({
      changes: { [pid]: 'console.log("pid", process.pid);\nsetInterval(() => undefined, 1000);\n' },
      limitMs: 700,
    });
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.summary).toContain("was not ready within 0.7 s");
    const process_ = Number(/pid (\d+)/.exec(evidence.summary)?.[1]);
    expect(process_).toBeGreaterThan(1);
    expect(() => process.kill(process_, 0)).toThrow(/ESRCH/);
  });
});

describe("the live probe", () => {
  test("passes over HTTP with a Host header, calls no mutation, and names what is missing", async () => {
    await judge({});
    const [app] = started;
    if (!app) throw new Error("not running");
    // Not built here, so the page is what is missing.
    const evidence = await probeLive(app.origin, "tiny--abc.localhost", {
      ...TINY_CONTRACT,
      procedures: [...TINY_CONTRACT.procedures, query("notes.none")],
    });
    expect(evidence).toMatchObject({ gate: "preview", conclusion: "failure" });
    expect(evidence.title).toBe("the page does not load; 1 of 2 queries answered; GET / answered 404; notes.none is missing");
    expect(evidence.summary).not.toContain("notes.add");
  });

  test("passes an app whose page, its assets and its queries answer", async () => {
    bench = await openBench({ tiny: { files: tinyApp(), contract: TINY_CONTRACT } });
    const [app] = bench.context.apps;
    if (!app) throw new Error("no app");
    expect(await buildApp(bench.context, app)).toMatchObject({ ok: true });
    const running = await startApp(bench.context, app, `postgres://app_tiny:unused@${postgres.host}:${postgres.port}/whole`);
    started.push(running);
    expect(await probeLive(running.origin, "tiny--abc.localhost", TINY_CONTRACT)).toMatchObject({
      gate: "preview",
      conclusion: "success",
      title: "the page loads; 1 of 1 query answered",
    });
  });

  test("nobody there is a failure by name", async () => {
    const evidence = await probeLive("http://127.0.0.1:9", "tiny.localhost", TINY_CONTRACT);
    expect(evidence.conclusion).toBe("failure");
    expect(evidence.title).toContain("GET / did not answer");
  });
});
