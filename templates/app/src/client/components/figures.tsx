import type { ReactNode } from "react";
import { Card } from "./ui/card.tsx";

/** A few numbers side by side. */
export function Figures({ children }: { children: ReactNode }) {
  return (
    <Card>
      <dl className="grid grid-cols-2 gap-x-10 gap-y-4 px-4 py-5 sm:flex sm:flex-wrap sm:px-6">{children}</dl>
    </Card>
  );
}

export function Figure({ label, value, strong = false }: { label: string; value: string; strong?: boolean }) {
  return (
    <div className="min-w-0">
      <dt className="text-sm text-muted-foreground">{label}</dt>
      <dd className={`mt-0.5 text-2xl font-semibold tracking-[-0.02em] tabular-nums ${strong ? "text-primary" : ""}`}>{value}</dd>
    </div>
  );
}

/** How much of something, as a bar with the same in words below it. */
export function Meter({ label, value, max, text }: { label: string; value: number; max: number; text: string }) {
  const share = max <= 0 ? 0 : Math.min(100, (value / max) * 100);
  return (
    <div className="mt-3">
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={Math.max(max, value)}
        aria-valuenow={value}
        aria-valuetext={text}
        className="h-1.5 overflow-hidden rounded-full bg-muted"
      >
        <div className="h-full rounded-full bg-primary" style={{ width: `${share}%` }} />
      </div>
      <p className="mt-1.5 text-sm text-muted-foreground tabular-nums">{text}</p>
    </div>
  );
}
