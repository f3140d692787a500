import type { ReactNode } from "react";

/** Named values of a row, between hairlines. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="grid gap-x-8 gap-y-5 border-y py-6 sm:grid-cols-2">{children}</dl>;
}

export function Fact({ label, children }: { label: string; children?: ReactNode }) {
  const missing = children === null || children === undefined || children === "";
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

export function TextLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a
      href={href}
      rel="noreferrer"
      className="rounded-sm text-primary underline decoration-primary/40 underline-offset-3 hover:decoration-primary"
    >
      {children}
    </a>
  );
}
