/** Medians and spreads over the runs, as data and as tables. */
import type { Figure } from "./figures.ts";
import type { MachineFacts } from "./machine.ts";
import { spreadOf } from "./spread.ts";

/** Milliseconds. */
interface Spread {
  median: number;
  least: number;
  most: number;
}

interface FigureSummary extends Spread {
  name: string;
  /** On two quiet cores. */
  aim: number | null;
  /** Processor time, where it was measured. */
  cpu: Spread | null;
  parts: (Spread & { name: string })[];
  beside: (Spread & { name: string })[];
}

export interface Summary {
  machine: MachineFacts & { isWarm: boolean };
  runs: number;
  figures: FigureSummary[];
  byHand: FigureSummary;
  /** Comment → all green, the agent's work included, over the plain CI script of the same change. */
  ratio: number;
}

const AIMS: readonly [pattern: RegExp, aim: number][] = [
  [/^comment/, 12_000],
  [/^merge of the revert/, 4000],
  [/^merge/, 4000],
  [/^time under hold/, 1000],
];

export function summarise(told: readonly { loop: Figure[]; byHand: Figure }[]): Pick<Summary, "figures" | "byHand" | "ratio"> {
  const names = told[0]?.loop.map((figure) => figure.name) ?? [];
  const figures = names.map((name) => summariseFigure(told.flatMap(({ loop }) => loop.filter((figure) => figure.name === name))));
  const byHand = summariseFigure(told.map((one) => one.byHand));
  const change = figures.find((figure) => figure.name.includes("(a change)"));
  return { figures, byHand, ratio: (change?.median ?? Number.NaN) / byHand.median };
}

function summariseFigure(figures: readonly Figure[]): FigureSummary {
  const name = figures[0]?.name ?? "";
  const each = (list: "parts" | "beside"): FigureSummary["parts"] =>
    (figures[0]?.[list] ?? []).map((part) => ({
      name: part.name,
      ...spread(figures.flatMap((figure) => figure[list].filter((one) => one.name === part.name).map((one) => one.ms))),
    }));
  return {
    name,
    aim: AIMS.find(([pattern]) => pattern.test(name))?.[1] ?? null,
    cpu: figures.some((figure) => figure.cpuMs === undefined) ? null : spread(figures.map((figure) => figure.cpuMs ?? 0)),
    ...spread(figures.map((figure) => figure.ms)),
    parts: each("parts"),
    beside: each("beside"),
  };
}

function spread(values: readonly number[]): Spread {
  const { median, least, most } = spreadOf(values);
  return { median: Math.round(median), least: Math.round(least), most: Math.round(most) };
}

export function tables(summary: Summary): string {
  const { machine, figures, byHand, ratio, runs } = summary;
  const lines = [
    "",
    `${machine.cores} cores (${machine.processor}), ${runs} ${runs === 1 ? "run" : "runs"}${machine.isWarm ? "" : ", not warmed up"}; load ${machine.loadBefore.toFixed(2)} before, ${machine.loadAfter.toFixed(2)} after; others used ${Math.round(machine.busyBefore * 100)} % of the machine just before.`,
    ...(machine.isQuiet ? [] : ["The machine was not quiet: the figures are longer than they would be alone."]),
    "",
    row("", "median", "least", "most", "aim"),
    ...figures.flatMap((figure) => describe(figure)),
    "",
    "The same change by hand, as a plain CI script (no database is made for it, nobody writes the code)",
    ...describe(byHand),
    `  comment → all green takes ${ratio.toFixed(2)} times as long, the change itself included.`,
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function describe(figure: FigureSummary): string[] {
  const line = (name: string, of: Spread, aim: number | null = null): string =>
    row(name, seconds(of.median), seconds(of.least), seconds(of.most), aim === null ? "" : `≤ ${aim / 1000} s`);
  return [
    line(figure.name, figure, figure.aim),
    ...(figure.cpu === null ? [] : [line("  processor time, all parts together", figure.cpu)]),
    ...figure.parts.map((part) => line(`  ${part.name}`, part)),
    ...figure.beside.map((part) => line(`    ${part.name}`, part)),
  ];
}

function row(name: string, ...cells: string[]): string {
  return `${name.padEnd(50)}${cells.map((cell) => cell.padStart(9)).join("")}`.trimEnd();
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
