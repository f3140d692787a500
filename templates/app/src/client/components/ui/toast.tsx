import { useEffect, useSyncExternalStore } from "react";
import { AlertIcon, CheckIcon } from "../icons.tsx";

const SHOWN_MS = 4_000;

type Kind = "success" | "failure";

let current: { id: number; text: string; kind: Kind } | undefined;
let lastId = 0;
const listeners = new Set<() => void>();

function show(next: typeof current): void {
  current = next;
  for (const listener of listeners) listener();
}

/** Says that something succeeded. What failed is said where it failed; only where there is no place for it, it is said here. */
export function toast(text: string, kind: Kind = "success"): void {
  show({ id: ++lastId, text, kind });
}

export function Toaster() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  useEffect(() => {
    if (!shown) return;
    const timer = setTimeout(() => show(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [shown]);

  return (
    <div role="status" className="pointer-events-none fixed inset-x-4 bottom-6 z-20 flex justify-center">
      {shown && (
        <p
          key={shown.id}
          className="flex animate-[rise_160ms_ease-out] items-center gap-2.5 rounded-full bg-foreground py-2.5 pr-5 pl-4 text-[15px] font-medium text-background shadow-lg"
        >
          {shown.kind === "success" ? <CheckIcon className="size-4" /> : <AlertIcon className="size-4" />}
          {shown.text}
        </p>
      )}
    </div>
  );
}
