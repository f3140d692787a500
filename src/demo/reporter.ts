/** What a long command says on the terminal: one live line while a step runs, a plain line where nobody watches, a table at the end. */
import { styleText } from "node:util";

export interface StepReport {
  name: string;
  ok: boolean;
  ms: number;
  detail: string;
}

export interface Reporter {
  readonly steps: StepReport[];
  /** Runs the step, showing its note and its time; rethrows what it throws. */
  step<T>(name: string, work: (note: (text: string) => void) => Promise<{ detail: string; value: T }>): Promise<T>;
  /** A line of its own. */
  say(text: string): void;
  summary(): void;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const ASCII_FRAMES = ["|", "/", "-", "\\"];
const HEARTBEAT_MS = 15_000;

/** Writes to `out`, standard error by default: standard output is for results. */
export function createReporter(out: NodeJS.WriteStream = process.stderr, env: NodeJS.ProcessEnv = process.env): Reporter {
  const isLive = out.isTTY && env["CI"] === undefined && env["NO_COLOR"] === undefined && env["TERM"] !== "dumb";
  const isUnicode = /utf-?8/i.test(env["LC_ALL"] ?? env["LC_CTYPE"] ?? env["LANG"] ?? "");
  const [frames, done, failed] = isUnicode ? [FRAMES, "✓", "✗"] : [ASCII_FRAMES, "ok", "FAIL"];
  const steps: StepReport[] = [];
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    isLive ? styleText(format, text, { stream: out }) : text;
  const clear = (): void => void (isLive && out.write("\r\u001b[2K"));
  const line = (text: string): void => void out.write(`${text}\n`);

  return {
    steps,
    say(text) {
      clear();
      line(text);
    },
    async step(name, work) {
      const startedAt = performance.now();
      let note = "";
      let frame = 0;
      const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
      const draw = (): void => {
        const text = `${frames[frame++ % frames.length]} ${name}  ${note}`.slice(0, Math.max(20, (out.columns ?? 80) - 12));
        out.write(`\r\u001b[2K${text}  ${style("dim", seconds())}`);
      };
      if (!isLive) line(`->    ${name}`);
      const timer = setInterval(isLive ? draw : () => line(`..    ${name}: ${note} (${seconds()})`), isLive ? 100 : HEARTBEAT_MS);
      try {
        const { detail, value } = await work((text) => {
          note = text;
        });
        clearInterval(timer);
        clear();
        steps.push({ name, ok: true, ms: Math.round(performance.now() - startedAt), detail });
        line(isLive ? `${style("green", done)} ${name}  ${style("dim", seconds())}` : `${done.padEnd(5)} ${name} ${seconds()}`);
        for (const part of detail.split("\n")) line(`      ${style("dim", part)}`);
        return value;
      } catch (error) {
        clearInterval(timer);
        clear();
        const message = error instanceof Error ? error.message : String(error);
        steps.push({ name, ok: false, ms: Math.round(performance.now() - startedAt), detail: message });
        line(`${style("red", isLive ? failed : "FAIL")} ${name}  ${seconds()}\n      ${message}`);
        throw error;
      }
    },
    summary() {
      const width = Math.max(...steps.map((step) => step.name.length), 4);
      line("");
      for (const step of steps)
        line(
          `  ${step.ok ? style("green", done) : style("red", failed)}  ${step.name.padEnd(width)}  ${(step.ms / 1000).toFixed(1).padStart(6)} s`,
        );
      const total = steps.reduce((sum, step) => sum + step.ms, 0);
      line(`     ${"".padEnd(width)}  ${(total / 1000).toFixed(1).padStart(6)} s in all`);
    },
  };
}
