import type { ReactNode } from "react";
import { AlertIcon, SearchIcon } from "./icons.tsx";
import { Button, ButtonLink } from "./ui/button.tsx";
import { Card } from "./ui/card.tsx";
import { Skeleton } from "./ui/skeleton.tsx";

function State({
  icon,
  title,
  text,
  action,
  heading: Heading = "h2",
}: {
  icon: ReactNode;
  title: string;
  text: string;
  action: ReactNode;
  heading?: "h1" | "h2";
}) {
  return (
    <div className="flex flex-col items-center rounded-card border border-dashed border-input px-6 py-16 text-center">
      <div className="mb-5 grid size-12 place-items-center rounded-full bg-tint text-tint-foreground">{icon}</div>
      <Heading className="text-[17px] font-semibold">{title}</Heading>
      <p className="mt-1 mb-6 max-w-sm text-[15px] text-muted-foreground">{text}</p>
      {action}
    </div>
  );
}

/** Nothing is there yet: what will come here, and the one way to begin. */
export function EmptyState(props: { icon: ReactNode; title: string; text: string; action: ReactNode }) {
  return <State {...props} />;
}

/** There is something, but not what was asked for. */
export function NoMatch({ search, filtered, what, onClear }: { search: string; filtered: boolean; what: string; onClear: () => void }) {
  const text = search === "" ? `No ${what} fit the filters.` : `No ${what} ${filtered ? "that fit the filters " : ""}contain “${search}”.`;
  const action = filtered ? (search === "" ? "Clear the filters" : "Clear search and filters") : "Clear the search";
  return (
    <State icon={<SearchIcon className="size-5" />} title="No matches" text={text} action={<Button onClick={onClear}>{action}</Button>} />
  );
}

export function LoadError({
  what,
  message,
  onRetry,
  heading = "h2",
}: {
  what: string;
  message: string;
  onRetry: () => void;
  heading?: "h1" | "h2";
}) {
  return (
    <div role="alert">
      <State
        heading={heading}
        icon={<AlertIcon className="size-5" />}
        title={`The ${what} could not be loaded`}
        text={message}
        action={<Button onClick={onRetry}>Try again</Button>}
      />
    </div>
  );
}

export function NotFound({ title, to, back }: { title: string; to: string; back: string }) {
  return (
    <State
      heading="h1"
      icon={<SearchIcon className="size-5" />}
      title={title}
      text="It may have been deleted, or the address may be wrong."
      action={<ButtonLink to={to}>{back}</ButtonLink>}
    />
  );
}

/** In the shape of the rows that are on their way. */
export function ListSkeleton() {
  return (
    <Card>
      <div role="status" aria-label="Loading" className="divide-y">
        {["w-3/5", "w-2/5", "w-1/2", "w-2/3"].map((width) => (
          <div key={width} className="px-4 py-[18px] sm:px-6">
            <Skeleton className={`h-5 ${width}`} />
            <Skeleton className="mt-3 h-4 w-4/5" />
            <Skeleton className="mt-3 h-4 w-1/4" />
          </div>
        ))}
      </div>
    </Card>
  );
}

export function DetailSkeleton() {
  return (
    <div role="status" aria-label="Loading">
      <Skeleton className="mt-8 h-10 w-3/4" />
      <Skeleton className="mt-6 h-5 w-1/3" />
      <Skeleton className="mt-10 h-4 w-full" />
      <Skeleton className="mt-3 h-4 w-11/12" />
      <Skeleton className="mt-3 h-4 w-2/3" />
    </div>
  );
}
