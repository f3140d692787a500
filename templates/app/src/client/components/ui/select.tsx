import type { ReactNode, SelectHTMLAttributes } from "react";
import { ChevronIcon } from "../icons.tsx";
import { useControl } from "./form.tsx";

/** The platform's select with the look of the other controls; outside a form, for filters. */
export function BareSelect({ children, className = "", ...props }: SelectHTMLAttributes<HTMLSelectElement> & { children: ReactNode }) {
  return (
    <div className={`relative ${className}`}>
      <select
        className="control block h-10 w-full appearance-none truncate rounded-control pr-9 pl-3.5 text-base sm:text-[15px]"
        {...props}
      >
        {children}
      </select>
      <ChevronIcon className="pointer-events-none absolute top-3 right-3 size-4 text-muted-foreground" />
    </div>
  );
}

export function Select(props: SelectHTMLAttributes<HTMLSelectElement> & { children: ReactNode }) {
  return <BareSelect {...useControl()} {...props} />;
}
