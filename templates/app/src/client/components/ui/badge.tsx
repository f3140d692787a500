import type { ReactNode } from "react";

export function Badge({ children, tint = false }: { children: ReactNode; tint?: boolean }) {
  const look = tint ? "bg-tint text-tint-foreground border-transparent" : "bg-muted text-muted-foreground";
  return (
    <span
      className={`inline-flex max-w-full items-center truncate rounded-full border px-2.5 py-0.5 text-[13px] leading-5 font-medium ${look}`}
    >
      {children}
    </span>
  );
}
