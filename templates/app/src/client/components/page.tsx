import type { ReactNode } from "react";
import { Link } from "react-router";
import { BackIcon } from "./icons.tsx";

interface PageHeaderProps {
  title: string;
  description?: string | undefined;
  action?: ReactNode;
}

export function PageHeader({ title, description, action }: PageHeaderProps) {
  return (
    <div className="mb-6 grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1">
      <h1 className="text-2xl leading-10 font-semibold tracking-[-0.02em] sm:text-[28px]">{title}</h1>
      {action}
      {description && <p className="col-span-2 text-muted-foreground">{description}</p>}
    </div>
  );
}

/** The narrower column of a single row: reading and forms. */
export function Column({ children }: { children: ReactNode }) {
  return <div className="mx-auto max-w-[672px]">{children}</div>;
}

export function BackLink({ to, children }: { to: string; children: ReactNode }) {
  return (
    <Link
      to={to}
      className="-ml-2.5 inline-flex h-10 items-center gap-2 rounded-control px-2.5 text-[15px] font-medium text-muted-foreground transition-colors hover:bg-muted hover:text-foreground"
    >
      <BackIcon />
      {children}
    </Link>
  );
}
