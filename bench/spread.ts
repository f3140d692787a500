/** The median of several measurements, and how far they lie apart. */

export interface Spread {
  median: number;
  least: number;
  most: number;
  /** Of few measurements the same as `most`. */
  p99: number;
  runs: number;
}

/** In the unit of the values. Of no values everything is NaN. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle] : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
  return {
    median: median ?? Number.NaN,
    least: sorted[0] ?? Number.NaN,
    most: sorted.at(-1) ?? Number.NaN,
    p99: sorted[Math.max(0, Math.ceil(sorted.length * 0.99) - 1)] ?? Number.NaN,
    runs: sorted.length,
  };
}
