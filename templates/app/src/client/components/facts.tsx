import type { ReactNode } from "react";
import { Link } from "react-router";

/** Named values of a row, between hairlines. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="grid gap-x-8 gap-y-5 border-y py-6 sm:grid-cols-2">{children}</dl>;
}

export function Fact({ label, children }: { label: string; children?: ReactNode }) {
  const missing = children === null || children === undefined || children === "" || children === false;
  return (
    <div className="min-w-0">
      <dt className="text-sm text-muted-foreground">{label}</dt>
      <dd className="mt-0.5 text-[15px] font-medium break-words tabular-nums">
        {missing ? <span className="font-normal text-muted-foreground">Not set</span> : children}
      </dd>
    </div>
  );
}

/** Longer text as it was written, paragraph by paragraph. */
export function Prose({ heading, text }: { heading?: string; text: string }) {
  return (
    <section className="mt-8">
      {heading && <h2 className="mb-3 text-[17px] font-semibold">{heading}</h2>}
      <div className="space-y-5 text-[17px] leading-[1.7]">
        {text.split(/\n\s*\n/).map((paragraph, index) => (
          <p key={index} className="whitespace-pre-line">
            {paragraph}
          </p>
        ))}
      </div>
    </section>
  );
}

const linkLook = "rounded-sm text-primary underline decoration-primary/40 underline-offset-3 hover:decoration-primary";

export function TextLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a href={href} rel="noreferrer" className={linkLook}>
      {children}
    </a>
  );
}

/** Leads to another row of the app. */
export function RowLink({ to, children }: { to: string; children: ReactNode }) {
  return (
    <Link to={to} className={linkLook}>
      {children}
    </Link>
  );
}

/** A rating as stars, for screen readers in words. */
export function Stars({ value, max }: { value: number; max: number }) {
  return (
    <span role="img" aria-label={`${value} of ${max} stars`} className="tracking-[0.08em] text-primary">
      {"★".repeat(value)}
      <span className="text-muted-foreground/60">{"☆".repeat(Math.max(0, max - value))}</span>
    </span>
  );
}
