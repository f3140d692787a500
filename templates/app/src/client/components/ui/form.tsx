import { createContext, use, useId, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import type { z } from "zod";
import { readForm } from "./read-form.ts";

type Errors = ReadonlyMap<string, string>;

const ErrorsContext = createContext<Errors>(new Map());
const ControlContext = createContext<{ id: string; name: string; describedBy: string | undefined; invalid: boolean } | undefined>(undefined);

interface FormProps<T extends z.ZodType> {
  schema: T;
  /** Called with checked values only. */
  onSubmit: (values: z.output<T>) => void;
  /** What the server refused, by field; shown as if the form had found it. */
  serverErrors?: Record<string, string>;
  children: ReactNode;
  footer: ReactNode;
}

/** Checks its fields with the schema that the server uses, and moves the focus to the first mistake. What was typed stays. */
export function Form<T extends z.ZodType>({ schema, onSubmit, serverErrors, children, footer }: FormProps<T>) {
  const [found, setFound] = useState<Errors>(new Map());
  const body = useRef<HTMLDivElement>(null);
  const [lastServerErrors, setLastServerErrors] = useState(serverErrors);
  if (serverErrors !== lastServerErrors) {
    setLastServerErrors(serverErrors);
    setFound(new Map(Object.entries(serverErrors ?? {})));
  }

  useLayoutEffect(() => {
    if (found.size > 0) body.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [found]);

  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const result = schema.safeParse(readForm(body.current));
        setFound(new Map(result.error?.issues.toReversed().map((issue) => [String(issue.path[0]), issue.message])));
        if (result.success) onSubmit(result.data);
      }}
    >
      <ErrorsContext value={found}>
        <div ref={body} className="grid gap-5 p-4 sm:grid-cols-2 sm:p-6">
          {children}
        </div>
      </ErrorsContext>
      <div className="flex flex-col-reverse gap-2 border-t bg-background/60 px-4 py-4 sm:flex-row sm:justify-end sm:px-6">{footer}</div>
    </form>
  );
}

interface FieldProps {
  name: string;
  label: string;
  hint?: string;
  optional?: boolean;
  /** Takes half the width where there is room. */
  half?: boolean;
  children: ReactNode;
}

/** A labelled control; ids, the hint and the error message are wired to it here. */
export function Field({ name, label, hint, optional = false, half = false, children }: FieldProps) {
  const id = useId();
  const error = use(ErrorsContext).get(name);
  const message = error ?? hint;
  const describedBy = message === undefined ? undefined : `${id}-message`;
  return (
    <div className={`min-w-0 ${half ? "" : "sm:col-span-2"}`}>
      <div className="mb-1.5 flex items-baseline justify-between gap-3">
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        {optional && <span className="text-[13px] text-muted-foreground">Optional</span>}
      </div>
      <ControlContext value={{ id, name, describedBy, invalid: error !== undefined }}>{children}</ControlContext>
      {message !== undefined && (
        <p id={describedBy} className={`mt-1.5 text-sm ${error === undefined ? "text-muted-foreground" : "text-destructive"}`}>
          {message}
        </p>
      )}
    </div>
  );
}

/** The attributes of the control inside a Field. */
export function useControl() {
  const control = use(ControlContext);
  if (!control) throw new Error("A control stands inside a Field.");
  return { id: control.id, name: control.name, "aria-describedby": control.describedBy, "aria-invalid": control.invalid };
}
