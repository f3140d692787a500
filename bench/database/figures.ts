/** What a row of the benchmark reports: a figure with its spread, its aim, and the named alternatives of the same run. */
import { spreadOf, type Spread } from "../spread.ts";

export type Unit = "ms" | "tps" | "MB" | "µs" | "×" | "";

export interface Alternative extends Spread {
  name: string;
  unit: Unit;
  /** The figure's median over this one's. */
  ratio: number;
}

export interface Aim {
  text: string;
  isMet: boolean;
}

export interface Figure extends Spread {
  name: string;
  unit: Unit;
  aims: Aim[];
  against: Alternative[];
  /** What was checked, or what else there is to know. */
  note: string | null;
}

export interface RowResult {
  row: string;
  title: string;
  figures: Figure[];
  /** What could not be measured here, and why. */
  skipped: string[];
  /** What ended it before it was measured: a check of exactness, or the engine itself. */
  failure: string | null;
}

export function figure(
  name: string,
  unit: Unit,
  values: readonly number[],
  more: { against?: Record<string, readonly number[]>; aims?: (spread: Spread, ratios: Map<string, number>) => Aim[]; note?: string } = {},
): Figure {
  const spread = spreadOf(values);
  const against = Object.entries(more.against ?? {})
    .filter(([, others]) => others.length > 0)
    .map(([other, others]) => {
      const theirs = spreadOf(others);
      return { name: other, unit, ...theirs, ratio: spread.median / theirs.median };
    });
  const ratios = new Map(against.map(({ name: other, ratio }) => [other, ratio]));
  return { name, unit, ...spread, aims: more.aims?.(spread, ratios) ?? [], against, note: more.note ?? null };
}

/** `value` in the unit that the text names. A value that is missing misses. */
export function atMost(text: string, value: number | undefined, bound: number): Aim {
  return { text, isMet: (value ?? Number.NaN) <= bound };
}

export function atLeast(text: string, value: number | undefined, bound: number): Aim {
  return { text, isMet: (value ?? Number.NaN) >= bound };
}
