import type { ReactNode } from "react";

export function Card({ children, className = "" }: { children: ReactNode; className?: string }) {
  return <div className={`overflow-hidden rounded-card border bg-card shadow-[0_1px_2px_rgb(0_0_0/0.03)] ${className}`}>{children}</div>;
}
