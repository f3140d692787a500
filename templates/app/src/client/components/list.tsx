import { Children, type ReactNode } from "react";
import { Link } from "react-router";
import { Card } from "./ui/card.tsx";

/** The rows of a list in one card; fainter while newer ones are on their way. */
export function RowList({ children, refreshing }: { children: ReactNode; refreshing: boolean }) {
  return (
    <Card className={`transition-opacity ${refreshing ? "opacity-60" : ""}`}>
      <ul aria-busy={refreshing} className="divide-y">
        {children}
      </ul>
    </Card>
  );
}

/** One row; the whole of it leads to `to`. */
export function Row({
  to,
  title,
  badges,
  text,
  children,
}: {
  to: string;
  title: string;
  badges?: ReactNode;
  text?: string | null;
  children?: ReactNode;
}) {
  return (
    <li className="relative px-4 py-[18px] transition-colors focus-within:bg-muted/60 hover:bg-muted/60 sm:px-6">
      <div className="flex items-start justify-between gap-3">
        <h2 className="min-w-0 text-base leading-6 font-semibold tracking-[-0.005em]">
          <Link
            to={to}
            className="before:absolute before:inset-0 focus-visible:outline-none focus-visible:before:outline-2 focus-visible:before:-outline-offset-2 focus-visible:before:outline-primary"
          >
            {title}
          </Link>
        </h2>
        {badges && <div className="flex max-w-[50%] shrink-0 flex-wrap justify-end gap-1.5">{badges}</div>}
      </div>
      {text && <p className="mt-1 line-clamp-2 text-[15px] text-muted-foreground">{text}</p>}
      <Meta>{children}</Meta>
    </li>
  );
}

/** Facts in one line, with a dot between those that are there. */
export function Meta({ children }: { children?: ReactNode }) {
  const facts = Children.toArray(children);
  if (facts.length === 0) return null;
  return (
    <p className="mt-1.5 flex flex-wrap gap-x-2 text-sm text-muted-foreground tabular-nums">
      {facts.map((fact, index) => (
        <span key={index} className="min-w-0">
          {fact}
          {index < facts.length - 1 && (
            <span aria-hidden="true" className="ml-2">
              ·
            </span>
          )}
        </span>
      ))}
    </p>
  );
}
