/** The command line: starts the platform on this machine, tells its story, speaks to it as its operator. */
import { parseArgs } from "node:util";
import { runDemo } from "./demo/demo.ts";
import { toAdorableError } from "./core/errors.ts";
import { deleteProject } from "./one-machine/delete.ts";
import { runUp } from "./one-machine/up.ts";

const HELP = `adorable: an AI app platform that lives in a GitHub repository

  adorable up            start the platform on this machine and print one address
  adorable demo          tell the whole story, from a comment to a rollback, and check it
  adorable delete <owner/repository>
                         delete a project of a platform that is up: everything that it made

Options
  --data DIR       where everything is kept (default .adorable-data)
  --config FILE    settings (default adorable.config.json; the environment goes above it)
  --port N         of the control plane; --gateway-port, --forge-port, --database-port likewise (default: free ones, kept)
  --report FILE    demo: write {ok, steps: [{name, ok, ms, detail}]} to it
  --keep           demo: leave everything running and print the addresses
  --help           this

Ctrl-C ends everything that was started; a second one at once.
Exit: 0 done, 1 failed, 2 usage, 130 interrupted.
`;

const OPTIONS = {
  data: { type: "string" },
  config: { type: "string" },
  port: { type: "string" },
  "gateway-port": { type: "string" },
  "forge-port": { type: "string" },
  "database-port": { type: "string" },
  report: { type: "string" },
  keep: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

async function main(argv: string[]): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
  const { values, positionals } = parsed;
  const [command, ...rest] = positionals;
  if (values.help || command === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  const flags = {
    dataDir: values.data,
    "ports.controlPlane": number(values.port),
    "ports.gateway": number(values["gateway-port"]),
    "ports.forge": number(values["forge-port"]),
    "ports.database": number(values["database-port"]),
  };
  const sources = { env: process.env, directory: process.cwd(), file: values.config, flags };
  if (command === "up" && rest.length === 0) return runUp(sources);
  if (command === "demo" && rest.length === 0)
    return runDemo(sources, { report: values.report, keep: values.keep ?? false, isDataGiven: values.data !== undefined });
  if (command === "delete" && rest.length === 1) return deleteProject(sources, rest[0] ?? "");
  process.stderr.write(`${command === undefined ? "There is no command." : `"${positionals.join(" ")}" is no command.`}\n\n${HELP}`);
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
  process.stderr.write(
    `${error.code}: ${error.message}\n${error.hint === undefined ? "" : `${error.hint}\n`}${error.remedy === "bug" && error.stack !== undefined ? `${error.stack}\n` : ""}`,
  );
  process.exitCode = 1;
}
