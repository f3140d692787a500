import type { ReactNode } from "react";
import { AlertIcon } from "../icons.tsx";

/** Says, where it happened, that something failed. */
export function Alert({ children }: { children: ReactNode }) {
  return (
    <div
      role="alert"
      className="flex gap-2.5 rounded-control border border-destructive/40 bg-destructive/8 px-4 py-3 text-[15px] text-destructive"
    >
      <AlertIcon className="mt-1 size-4" />
      <p>{children}</p>
    </div>
  );
}
