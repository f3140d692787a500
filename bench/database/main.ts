/** How fast the database layer is, beside named alternatives on the same machine in the same run: one table, one JSON report. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createReporter } from "../../src/demo/reporter.ts";
import { onInterrupt, type Interruption } from "../../src/one-machine/interrupt.ts";
import { lookBefore, machineFacts } from "../machine.ts";
import { FULL, QUICK, type Row } from "./bench.ts";
import { branchHead } from "./branch-head.ts";
import { branchOlder } from "./branch-older.ts";
import { checkpoint } from "./checkpoint.ts";
import { coldWake } from "./cold-wake.ts";
import type { RowResult } from "./figures.ts";
import { startClients } from "./helpers.ts";
import { complaints } from "./place.ts";
import { restore } from "./restore.ts";
import { runRow } from "./run-row.ts";
import { sleepers } from "./sleepers.ts";
import { tables, type Report } from "./table.ts";
import { throughput } from "./throughput.ts";
import { claimFolder, folderPrefix, plainVolume, reflinkVolume, sweepFolders } from "./volumes.ts";

const ROWS: readonly Row[] = [branchHead, branchOlder, coldWake, restore, throughput, sleepers, checkpoint];

const HELP = `npm run bench:database -- [--only NAME]… [--quick] [--report FILE] [--dir DIR]

  --only NAME    one row; may be given more than once
  --quick        smaller sizes, fewer runs
  --report FILE  write {machine, isQuick, rows, complaints} to it as JSON
  --dir DIR      where databases are made (default: the temporary directory)

${ROWS.map(({ name, title }) => `  ${name.padEnd(14)} ${title}`).join("\n")}
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      quick: { type: "boolean" },
      report: { type: "string" },
      dir: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const wrong = values.only?.find((name) => !ROWS.some((row) => row.name === name));
  if (wrong !== undefined) process.stderr.write(`There is no row "${wrong}".\n\n`);
  if (values.help || wrong !== undefined) {
    process.stdout.write(HELP);
    return wrong === undefined ? 0 : 2;
  }
  const interruption = onInterrupt();
  const rows = ROWS.filter(({ name }) => values.only?.includes(name) ?? true);
  try {
    const report = await measure(rows, values.quick ?? false, resolve(values.dir ?? tmpdir()), interruption);
    process.stdout.write(tables(report));
    if (values.report !== undefined) await writeFile(resolve(values.report), `${JSON.stringify(report, null, 2)}\n`);
    return report.rows.some(({ failure }) => failure !== null) ? 1 : 0;
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    for (const complaint of complaints) process.stderr.write(`  ${complaint}\n`);
    return interruption.isInterrupted() ? 130 : 1;
  } finally {
    interruption.dispose();
  }
}

async function measure(rows: readonly Row[], isQuick: boolean, parent: string, interruption: Interruption): Promise<Report> {
  const reporter = createReporter();
  await using cleanup = new AsyncDisposableStack();
  const before = await lookBefore();
  await sweepFolders(parent);
  const root = await mkdtemp(folderPrefix(parent));
  await chmod(root, 0o755);
  cleanup.defer(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));
  await claimFolder(root);
  const runDir = join(root, "run");
  await mkdir(runDir, { mode: 0o711 });
  const plain = await plainVolume(root);
  const reflink = plain.reflink
    ? { why: "the temporary directory's file system clones files already" }
    : await reflinkVolume(root, cleanup);
  const clients = await startClients(runDir);
  cleanup.defer(() => clients.stop());

  const results: RowResult[] = [];
  const bench = { scale: isQuick ? QUICK : FULL, runDir, plain, reflink, clients: clients.calls };
  for (const row of rows) results.push(await runRow(row, bench, reporter, interruption));
  const volumes = [plain, ...("why" in reflink ? [] : [reflink])].map(({ name, reflink: clones, about }) => ({
    name,
    reflink: clones,
    about,
  }));
  return { machine: { ...machineFacts(before), volumes }, isQuick, rows: results, complaints };
}

process.exitCode = await main();
