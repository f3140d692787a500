import { useEffect, useRef, useState } from "react";
import { CloseIcon, SearchIcon } from "./icons.tsx";

const TYPING_PAUSE_MS = 200;

/** A search field that reports what was typed after a short pause. `value` is what is searched for now. */
export function SearchBox({
  label,
  placeholder,
  value,
  onChange,
  wide = false,
}: {
  label: string;
  placeholder: string;
  value: string;
  onChange: (value: string) => void;
  /** Leaves no room beside it. */
  wide?: boolean;
}) {
  const [typed, setTyped] = useState(value);
  const [reported, setReported] = useState(value);
  const [seen, setSeen] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const report = useRef(onChange);
  useEffect(() => {
    report.current = onChange;
  });

  if (value !== seen) {
    setSeen(value);
    // Not the answer to what was reported, but changed elsewhere: by going back, or by clearing the filters.
    if (value !== reported) {
      setReported(value);
      setTyped(value);
    }
  }

  useEffect(() => {
    if (typed === reported) return;
    const timer = setTimeout(() => {
      setReported(typed);
      report.current(typed);
    }, TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed, reported]);

  return (
    <div className={`relative min-w-0 flex-1 basis-full ${wide ? "" : "sm:basis-64"}`}>
      <SearchIcon className="pointer-events-none absolute top-3 left-3.5 size-4 text-muted-foreground" />
      <input
        ref={input}
        type="search"
        aria-label={label}
        placeholder={placeholder}
        value={typed}
        maxLength={200}
        onChange={(event) => setTyped(event.target.value)}
        className="control h-10 w-full rounded-control pr-10 pl-10 text-base placeholder:text-muted-foreground sm:text-[15px] [&::-webkit-search-cancel-button]:hidden"
      />
      {typed !== "" && (
        <button
          type="button"
          aria-label="Clear"
          onClick={() => {
            setTyped("");
            input.current?.focus();
          }}
          className="absolute top-1 right-1 grid size-8 place-items-center rounded-md text-muted-foreground hover:text-foreground"
        >
          <CloseIcon />
        </button>
      )}
    </div>
  );
}
