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

/** As many stars as can be given, the best first. */
export function RatingSelect({ max, required, ...props }: SelectHTMLAttributes<HTMLSelectElement> & { max: number }) {
  return (
    <Select data-value="number" required={required} {...props}>
      <option value="">{required ? "Choose…" : "None"}</option>
      {Array.from({ length: max }, (_, index) => max - index).map((stars) => (
        <option key={stars} value={stars}>{`${"★".repeat(stars)}${"☆".repeat(max - stars)}  ${stars} of ${max}`}</option>
      ))}
    </Select>
  );
}
