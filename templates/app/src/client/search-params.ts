/** The search and the filters of a list live in its address, so that they can be linked to and gone back to. */
import { useSearchParams } from "react-router";

export function useListParams() {
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
    isFiltered: params.size > 0,
  };
}
