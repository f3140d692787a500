import { Children, createContext, use, type ReactNode } from "react";
import { Link } from "react-router";
import { PlusIcon } from "./icons.tsx";
import { ButtonLink } from "./ui/button.tsx";
import { Card } from "./ui/card.tsx";

const HeadingContext = createContext<"h2" | "h3">("h2");

/** The rows of a list in one card; fainter while newer ones are on their way. `headings`: the level of their titles. */
export function RowList({ children, refreshing, headings = "h2" }: { children: ReactNode; refreshing: boolean; headings?: "h2" | "h3" }) {
  return (
    <Card className={`transition-opacity ${refreshing ? "opacity-60" : ""}`}>
      <HeadingContext value={headings}>
        <ul aria-busy={refreshing} className="divide-y">
          {children}
        </ul>
      </HeadingContext>
    </Card>
  );
}

interface RowProps {
  to: string;
  title: string;
  badges?: ReactNode;
  /** The number that matters most, at the right. */
  figure?: string | undefined;
  /** A checkbox before the row. */
  check?: ReactNode;
  /** The row needs no more attention. */
  done?: boolean;
  text?: string | null;
  children?: ReactNode;
}

/** One row; the whole of it leads to `to`. */
export function Row({ to, title, badges, figure, check, done = false, text, children }: RowProps) {
  const Heading = use(HeadingContext);
  return (
    <li className="relative flex gap-3.5 px-4 py-[18px] transition-colors focus-within:bg-muted/60 hover:bg-muted/60 sm:px-6">
      {check}
      <div className="min-w-0 flex-1">
        <div className="flex items-start gap-3">
          <Heading
            className={`min-w-0 flex-1 text-base leading-6 font-semibold tracking-[-0.005em] ${done ? "text-muted-foreground line-through decoration-1" : ""}`}
          >
            <Link
              to={to}
              className="before:absolute before:inset-0 focus-visible:outline-none focus-visible:before:outline-2 focus-visible:before:-outline-offset-2 focus-visible:before:outline-primary"
            >
              {title}
            </Link>
          </Heading>
          {badges && <div className="flex max-w-[50%] shrink-0 flex-wrap justify-end gap-1.5">{badges}</div>}
          {figure !== undefined && (
            <p className="shrink-0 text-right text-base leading-6 font-semibold tabular-nums sm:min-w-20">{figure}</p>
          )}
        </div>
        {text && <p className="mt-1 line-clamp-2 text-[15px] text-muted-foreground">{text}</p>}
        <Meta>{children}</Meta>
      </div>
    </li>
  );
}

interface CheckOffProps {
  label: string;
  checked: boolean;
  disabled: boolean;
  onChange: (checked: boolean) => void;
}

/** Sets a checkbox of a row without leaving the list. */
export function CheckOff({ label, checked, disabled, onChange }: CheckOffProps) {
  return (
    <label className="relative z-1 -m-2 grid size-10 shrink-0 cursor-pointer place-items-center">
      <input
        type="checkbox"
        aria-label={label}
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
        className="size-[18px] accent-primary"
      />
    </label>
  );
}

/** What the rows of a list add up to. */
export function Totals({ values }: { values: { label: string; text: string }[] }) {
  return (
    <dl className="ml-auto flex flex-wrap justify-end gap-x-6 gap-y-1 px-1 text-sm tabular-nums">
      {values.map(({ label, text }) => (
        <div key={label} className="flex gap-2">
          <dt className="text-muted-foreground">{`${label}, total`}</dt>
          <dd className="font-semibold">{text}</dd>
        </div>
      ))}
    </dl>
  );
}

interface SectionProps {
  heading: string;
  count: number;
  all: { to: string; text: string } | undefined;
  add: { to: string; text: string };
  children: ReactNode;
}

/** The rows that belong to the one of the page. */
export function Section({ heading, count, all, add, children }: SectionProps) {
  return (
    <section className="mt-10">
      <div className="mb-3 flex items-center justify-between gap-3">
        <h2 className="text-[17px] font-semibold">
          {heading}
          {count > 0 && <span className="ml-2 font-normal text-muted-foreground tabular-nums">{count}</span>}
        </h2>
        <ButtonLink to={add.to}>
          <PlusIcon />
          {add.text}
        </ButtonLink>
      </div>
      {children}
      {all && (
        <p className="mt-3 px-1 text-[15px]">
          <Link to={all.to} className="rounded-sm font-medium text-primary underline decoration-primary/40 underline-offset-3">
            {all.text}
          </Link>
        </p>
      )}
    </section>
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
