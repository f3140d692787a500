import { createContext, use, useId, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import type { z } from "zod";
import { fieldErrorsOf, messageOf } from "../../trpc.ts";
import { Alert } from "./alert.tsx";
import { Button, ButtonLink } from "./button.tsx";
import { Card } from "./card.tsx";
import { readForm } from "./read-form.ts";

type Errors = ReadonlyMap<string, string>;

const ErrorsContext = createContext<Errors>(new Map());
const ControlContext = createContext<{ id: string; name: string; describedBy: string | undefined; invalid: boolean } | undefined>(
  undefined,
);

interface FormProps<T extends z.ZodType> {
  schema: T;
  /** Called with values that the schema accepts. */
  onSubmit: (values: z.input<T>) => void;
  pending: boolean;
  /** Why the server refused what was sent last. */
  error: unknown;
  /** What sending is called on its button. */
  action: string;
  cancelTo: string;
  children: ReactNode;
}

/** Checks its fields with the schema that the server uses, and moves the focus to the first mistake. What was typed stays. */
export function Form<T extends z.ZodType>({ schema, onSubmit, pending, error, action, cancelTo, children }: FormProps<T>) {
  const [found, setFound] = useState<Errors>(new Map());
  const [lastError, setLastError] = useState(error);
  const body = useRef<HTMLDivElement>(null);
  if (error !== lastError) {
    setLastError(error);
    setFound(new Map(Object.entries(fieldErrorsOf(error))));
  }

  useLayoutEffect(() => {
    if (found.size > 0) body.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [found]);

  function submit(): void {
    const values = readForm(body.current);
    const result = schema.safeParse(values);
    setFound(new Map(result.error?.issues.toReversed().map((issue) => [String(issue.path[0]), issue.message])));
    if (result.success && !pending) onSubmit(values as z.input<T>);
  }

  return (
    <Card>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <ErrorsContext value={found}>
          <div ref={body} className="grid gap-5 p-4 sm:grid-cols-2 sm:p-6">
            {error !== null && found.size === 0 && (
              <div className="sm:col-span-2">
                <Alert>{messageOf(error)}</Alert>
              </div>
            )}
            {children}
          </div>
        </ErrorsContext>
        <div className="flex flex-col-reverse gap-2 border-t bg-background/60 px-4 py-4 sm:flex-row sm:justify-end sm:px-6">
          <ButtonLink to={cancelTo}>Cancel</ButtonLink>
          <Button look="primary" type="submit" disabled={pending}>
            {action}
          </Button>
        </div>
      </form>
    </Card>
  );
}

interface FieldProps {
  name: string;
  label: string;
  hint?: string;
  optional?: boolean;
  /** Takes half the width where there is room. */
  half?: boolean;
  /** The control stands beside its label, as a checkbox does. */
  inline?: boolean;
  children: ReactNode;
}

/** A labelled control; ids, the hint and the error message are wired to it here. */
export function Field({ name, label, hint, optional = false, half = false, inline = false, children }: FieldProps) {
  const id = useId();
  const error = use(ErrorsContext).get(name);
  const message = error ?? hint;
  const describedBy = message === undefined ? undefined : `${id}-message`;
  const control = <ControlContext value={{ id, name, describedBy, invalid: error !== undefined }}>{children}</ControlContext>;
  return (
    <div className={`min-w-0 ${half ? "" : "sm:col-span-2"}`}>
      {inline ? (
        <div className="flex items-center gap-3">
          {control}
          <label htmlFor={id} className="min-w-0 py-1 text-[15px] font-medium">
            {label}
          </label>
        </div>
      ) : (
        <>
          <div className="mb-1.5 flex items-baseline justify-between gap-3">
            <label htmlFor={id} className="min-w-0 text-sm font-medium">
              {label}
            </label>
            {optional && <span className="shrink-0 text-[13px] text-muted-foreground">Optional</span>}
          </div>
          {control}
        </>
      )}
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
