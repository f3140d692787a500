/** The report as a table for the terminal. */
import type { MachineFacts } from "../machine.ts";
import type { Spread } from "../spread.ts";
import type { Figure, RowResult, Unit } from "./figures.ts";

export interface Report {
  machine: MachineFacts & { volumes: { name: string; reflink: boolean; about: string }[] };
  isQuick: boolean;
  rows: RowResult[];
  /** What went wrong in engine or proxy where nobody waited for it. */
  complaints: string[];
}

export function tables({ machine, rows, isQuick, complaints }: Report): string {
  const lines = [
    "",
    `${machine.cores} cores (${machine.processor}), ${(machine.memoryMiB / 1024).toFixed(0)} GiB, Linux ${machine.kernel}, Node ${machine.node}; load ${machine.loadBefore.toFixed(2)} before, ${machine.loadAfter.toFixed(2)} after; others used ${Math.round(machine.busyBefore * 100)} % of the machine just before.`,
    ...machine.volumes.map(({ name, about }) => `${name}: ${about}`),
    ...(machine.isQuiet ? [] : ["The machine was not quiet: figures are worse than they would be alone; ratios suffer less."]),
    ...(isQuick ? ["Sizes and counts were cut short (--quick)."] : []),
    ...rows.flatMap(describeRow),
    "",
    countAims(rows),
    ...complaints.map((complaint) => `Said by engine or proxy meanwhile: ${complaint}`),
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function describeRow({ row, title, figures, skipped, failure }: RowResult): string[] {
  return [
    "",
    `${title}  (--only ${row})`,
    columns("", "median", "least", "most", "p99", "ratio", "n"),
    ...figures.flatMap(describeFigure),
    ...skipped.map((why) => `  skipped: ${why}`),
    ...(failure === null ? [] : [`  FAILED: ${failure}`]),
  ];
}

function describeFigure(figure: Figure): string[] {
  const { name, unit, aims, against, note } = figure;
  return [
    line(`  ${name}`, unit, figure),
    ...aims.map(({ text, isMet }) => `    aim ${text}: ${isMet ? "met" : "MISSED"}`),
    ...against.map((other) => line(`    against ${other.name}`, other.unit, other, other.ratio)),
    ...(note === null ? [] : [`    ${note}`]),
  ];
}

function line(name: string, unit: Unit, spread: Spread, ratio?: number): string {
  const { median, least, most, p99, runs } = spread;
  const cells = [median, least, most, p99].map((value) => number(value, unit));
  return columns(name, ...cells, ratio === undefined ? "" : `${ratio.toFixed(2)} ×`, String(runs));
}

function columns(name: string, ...cells: string[]): string {
  return `${name.padEnd(64)}${cells.map((cell) => cell.padStart(12)).join("")}`.trimEnd();
}

function number(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return "–";
  const digits = value >= 1000 ? 0 : value >= 100 ? 1 : 2;
  return `${value.toFixed(unit === "" ? 0 : digits)} ${unit}`.trim();
}

function countAims(rows: readonly RowResult[]): string {
  const aims = rows.flatMap(({ title, figures }) =>
    figures.flatMap(({ name, aims: each }) => each.map((aim) => ({ ...aim, where: `${title}: ${name}` }))),
  );
  const missed = aims.filter(({ isMet }) => !isMet);
  const skipped = rows.reduce((sum, row) => sum + row.skipped.length, 0);
  const failed = rows.filter(({ failure }) => failure !== null).length;
  return [
    `${aims.length - missed.length} of ${aims.length} aims met${skipped === 0 ? "" : `, ${skipped} skipped`}${failed === 0 ? "" : `; ${failed} ${failed === 1 ? "row" : "rows"} FAILED`}.`,
    ...missed.map(({ where, text }) => `  missed: ${where}: ${text}`),
  ].join("\n");
}
