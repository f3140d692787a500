/** The command line: starts the platform on this machine, tells its story, speaks to it as its operator. */
import { parseArgs } from "node:util";
import { toAdorableError } from "./core/errors.ts";

const HELP = `adorable: an AI app platform that lives in a GitHub repository

  adorable up            start the platform on this machine and print one address
  adorable demo          tell the whole story, from a comment to a rollback, and check it
  adorable doctor        say what this machine has, what each missing part means and what to do; 0 where a platform can run, else 1

Of a platform that is up
  adorable psql          look at production's data as it is or was, read-only, in a fork that goes when you leave
  adorable release verify <n>
                         derive anew what the ledger claims of release n: tree, artifacts, evidence, schema, hashes
  adorable ledger verify
                         compute the hash chain of every project anew, or of an exported one with --file
  adorable delete <owner/repository>
                         delete a project: everything that it made

Options
  --data DIR       where everything is kept (default .adorable-data)
  --config FILE    settings (default adorable.config.json; the environment goes above it)
  --port N         of the control plane; --gateway-port, --forge-port, --database-port likewise (default: free ones, kept)
  --trust-code     up: run generated code without a sandbox also with a real model or a remote GitHub
  --report FILE    demo: write {ok, steps: [{name, ok, ms, detail}]} to it
  --keep           demo: leave everything running and print the addresses
  --project NAME   psql, release, ledger: owner/repository (default: the only one)
  --at MOMENT      psql: release:<n> (its data when it stopped being live), checkpoint:<id>, a time (2026-11-21T14:30, 14:30),
                   an LSN (0/1A2B3C8), <timeline>@<lsn>, or now, the default
  --change N       psql: the data of pull request N instead of production's
  -c, --command SQL
                   psql: run it, print, and end
  --file EXPORT    ledger: a deleted project's ledger, without any platform
  --head HASH      ledger: the hash that the chain has to end with, as the tag of the newest release states it
  --json           doctor, psql -c, release, ledger: one JSON value on standard output
  --help           this

Ctrl-C ends everything that was started; a second one at once.
Exit: 0 done, 1 failed, 2 usage, 3 what was verified differs, 130 interrupted.
`;

const OPTIONS = {
  data: { type: "string" },
  config: { type: "string" },
  port: { type: "string" },
  "gateway-port": { type: "string" },
  "forge-port": { type: "string" },
  "database-port": { type: "string" },
  "trust-code": { type: "boolean" },
  report: { type: "string" },
  keep: { type: "boolean" },
  project: { type: "string" },
  at: { type: "string" },
  change: { type: "string" },
  command: { type: "string", short: "c" },
  file: { type: "string" },
  head: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

async function main(argv: string[]): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (values.help || positionals[0] === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  const flags = {
    dataDir: values.data,
    trustCode: values["trust-code"],
    "ports.controlPlane": number(values.port),
    "ports.gateway": number(values["gateway-port"]),
    "ports.forge": number(values["forge-port"]),
    "ports.database": number(values["database-port"]),
  };
  const sources = { env: process.env, directory: process.cwd(), file: values.config, flags };
  const { project, json = false } = values;
  // Each command loads what it needs: most of them are over before the platform's parts would have been read.
  const words = positionals.join(" ");
  switch (words.replace(/^(delete|release verify) \S+$/, "$1")) {
    case "up":
      return (await import("./one-machine/up.ts")).runUp(sources);
    case "demo":
      return (await import("./demo/demo.ts")).runDemo(sources, {
        report: values.report,
        keep: values.keep ?? false,
        isDataGiven: values.data !== undefined,
      });
    case "doctor":
      return (await import("./one-machine/doctor.ts")).runDoctor(sources, { json });
    case "psql":
      if (json && values.command === undefined) return usage("--json needs --command.");
      return (await import("./one-machine/psql.ts")).runPsql(sources, {
        project,
        json,
        at: values.at,
        change: values.change,
        command: values.command,
      });
    case "release verify":
      if (!/^[1-9]\d{0,8}$/.test(positionals[2] ?? "")) return usage(`"${positionals[2] ?? ""}" is no number of a release.`);
      return (await import("./one-machine/prove.ts")).proveRelease(sources, Number(positionals[2]), { project, json });
    case "ledger verify":
      return (await import("./one-machine/prove.ts")).proveLedger(sources, { project, json, file: values.file, head: values.head });
    case "delete":
      if (positionals[1] !== undefined) return (await import("./one-machine/delete.ts")).deleteProject(sources, positionals[1]);
  }
  return usage(words === "" ? "There is no command." : `"${words}" is no command.`);
}

function usage(what: string): number {
  process.stderr.write(`${what}\n\n${HELP}`);
  return 2;
}

/** Text that is no number stays text: the configuration's schema says what is wrong with it. */
function number(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : text;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  const error = toAdorableError(thrown);
  const { code, message, hint, remedy } = error;
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify({ ok: false, error: { code, message, hint, remedy } })}\n`);
  process.stderr.write(
    `${error.code}: ${error.message}\n${error.hint === undefined ? "" : `${error.hint}\n`}${error.remedy === "bug" && error.stack !== undefined ? `${error.stack}\n` : ""}`,
  );
  process.exitCode = 1;
}
