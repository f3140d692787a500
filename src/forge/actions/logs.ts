/** Keeps a job's log: timestamps, masks, and the workflow commands that a step prints. */
import { createWriteStream } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import type { ForgeCore } from "../core.ts";
import type { WorkflowJob } from "../records.ts";

const MAX_LOG_BYTES = 16 * 1024 * 1024;
const MAX_LINE_CHARACTERS = 64 * 1024;

export interface LoggedAnnotation {
  level: "notice" | "warning" | "failure";
  message: string;
  title: string | null;
  path: string;
  line: number;
}

export interface JobLog {
  line(text: string): void;
  /** Takes a child's output; a chunk may end inside a line or a character. */
  stream(source: NodeJS.ReadableStream): void;
  mask(secret: string): void;
  annotate(annotation: LoggedAnnotation): void;
  close(): Promise<void>;
}

export function logPath(core: ForgeCore, job: Pick<WorkflowJob, "id" | "runId">): string {
  return join(core.dataDir, "logs", String(job.runId), `${job.id}.log`);
}

/** All that the job printed; empty while there is no log. */
export async function readLog(core: ForgeCore, job: Pick<WorkflowJob, "id" | "runId">): Promise<string> {
  return readFile(logPath(core, job), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
}

export async function openLog(
  core: ForgeCore,
  job: Pick<WorkflowJob, "id" | "runId">,
  onAnnotation: (annotation: LoggedAnnotation) => void,
): Promise<JobLog> {
  const path = logPath(core, job);
  await mkdir(dirname(path), { recursive: true });
  const file = createWriteStream(path, { flags: "a" });
  file.on("error", (error) => core.log(`The log of job ${job.id} cannot be written: ${error.message}`));
  const masks = new Set<string>();
  let written = 0;
  let resumeWord: string | undefined;

  function write(text: string): void {
    if (written > MAX_LOG_BYTES) return;
    let shown = text.slice(0, MAX_LINE_CHARACTERS);
    for (const secret of masks) shown = shown.replaceAll(secret, "***");
    const line = `${new Date().toISOString().replace("Z", "0000Z")} ${shown}\n`;
    written += Buffer.byteLength(line);
    file.write(written > MAX_LOG_BYTES ? "This log is longer than 16 MiB: the rest is left out.\n" : line);
  }

  function annotate(annotation: LoggedAnnotation): void {
    let message = annotation.message;
    for (const secret of masks) message = message.replaceAll(secret, "***");
    onAnnotation({ ...annotation, message });
  }

  function take(line: string): void {
    const command = /^::([\w-]+)((?: [^:]*(?::(?!:)[^:]*)*)?)::(.*)$/.exec(line);
    if (command === null) return write(line);
    const [, name = "", parameters = "", raw = ""] = command;
    if (resumeWord !== undefined) {
      if (name === resumeWord) resumeWord = undefined;
      return write(line);
    }
    const value = unescape(raw);
    const given = Object.fromEntries(
      parameters
        .trim()
        .split(",")
        .map((pair) => pair.split("=", 2))
        .map(([key = "", text = ""]) => [key.trim(), unescape(text, true)]),
    );
    if (name === "add-mask") {
      if (value !== "") masks.add(value);
      return write("***");
    }
    if (name === "stop-commands") resumeWord = raw;
    if (name === "error" || name === "warning" || name === "notice") {
      write(`##[${name}]${value}`);
      const level = name === "error" ? "failure" : name;
      return annotate({
        level,
        message: value,
        title: given["title"] ?? null,
        path: given["file"] ?? ".github",
        line: Number(given["line"]) || 1,
      });
    }
    if (name === "group" || name === "endgroup" || name === "debug") return write(`##[${name}]${value}`);
    write(line);
  }

  return {
    line: take,
    stream(source) {
      const decoder = new StringDecoder("utf8");
      let rest = "";
      source.on("data", (chunk: Buffer) => {
        const lines = (rest + decoder.write(chunk)).split(/\r?\n/);
        rest = lines.pop() ?? "";
        if (rest.length > MAX_LINE_CHARACTERS) {
          lines.push(rest);
          rest = "";
        }
        for (const line of lines) take(line);
      });
      source.on("end", () => {
        const line = rest + decoder.end();
        if (line !== "") take(line);
      });
    },
    mask(secret) {
      if (secret !== "") masks.add(secret);
    },
    annotate,
    close: () => new Promise((resolve) => file.end(() => resolve())),
  };
}

function unescape(text: string, isProperty = false): string {
  const plain = text.replaceAll("%0D", "\r").replaceAll("%0A", "\n");
  return (isProperty ? plain.replaceAll("%3A", ":").replaceAll("%2C", ",") : plain).replaceAll("%25", "%");
}
