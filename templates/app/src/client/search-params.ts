/** The search and the filters of a list live in its address, so that they can be linked to and gone back to. */
import { useSearchParams } from "react-router";

/** `filters`: the names of what narrows the list besides `search`. */
export function useListParams(filters: readonly string[]) {
  const [params, setParams] = useSearchParams();
  return {
    /** "" when it is not set. */
    get: (key: string): string => params.get(key) ?? "",
    set: (key: string, value: string): void =>
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          if (value === "") next.delete(key);
          else next.set(key, value);
          return next;
        },
        { replace: true },
      ),
    clear: (): void => setParams({}, { replace: true }),
    hasFilter: filters.some((key) => params.has(key)),
  };
}

/** A filter on a checkbox: `yes`, `no`, or anything else for both. */
export function flagOf(value: string): boolean | undefined {
  return value === "yes" ? true : value === "no" ? false : undefined;
}

/** A filter on what a row refers to: its id, or anything else for all. */
export function idOf(value: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(value) ? Number(value) : undefined;
}
