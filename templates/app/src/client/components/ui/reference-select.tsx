import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { useControl } from "./form.tsx";
import { BareSelect } from "./select.tsx";

export interface Choice {
  id: number;
  text: string;
}

interface Choices {
  /** Absent while they are on their way. */
  options: Choice[] | undefined;
  failed: boolean;
}

interface ReferenceSelectProps extends Choices {
  /** "author" and "authors". */
  one: string;
  many: string;
  newPath: string;
  /** What the row that is edited refers to now. */
  current: { id: number | null; text: string | null } | undefined;
  required?: boolean;
}

/** Chooses the row that this one belongs to. On a new row the address can say which: `?authorId=3`. */
export function ReferenceSelect({ options, failed, one, many, newPath, current, required = false }: ReferenceSelectProps) {
  const control = useControl();
  const [params] = useSearchParams();
  const [value, setValue] = useState(String((current ? current.id : params.get(control.name)) ?? ""));
  // What is chosen can be kept even where the others cannot be loaded.
  const kept = current?.id ? [{ id: current.id, text: current.text ?? "Untitled" }] : [];
  const offered = options ?? kept;
  const all = offered.some(({ id }) => id === current?.id) ? offered : [...kept, ...offered];
  const isLoading = options === undefined && !failed;
  return (
    <>
      <BareSelect
        {...control}
        data-value="number"
        aria-busy={isLoading}
        required={required}
        value={value}
        onChange={(event) => setValue(event.target.value)}
      >
        <option value="">{required ? `Choose ${/^[aeiou]/i.test(one) ? "an" : "a"} ${one}…` : "None"}</option>
        {isLoading && value !== "" && kept.length === 0 && <option value={value}>Loading…</option>}
        {all.map(({ id, text }) => (
          <option key={id} value={id}>
            {text}
          </option>
        ))}
      </BareSelect>
      {failed && <p className="mt-1.5 text-sm text-destructive">{`The ${many} could not be loaded.`}</p>}
      {options?.length === 0 && (
        <p className="mt-1.5 text-sm text-muted-foreground">
          {`There are no ${many} yet. `}
          <Link to={newPath} className="rounded-sm text-primary underline underline-offset-3">
            {`Add ${/^[aeiou]/i.test(one) ? "an" : "a"} ${one}`}
          </Link>
        </p>
      )}
    </>
  );
}

interface ReferenceFilterProps extends Choices {
  label: string;
  allLabel: string;
  value: string;
  onChange: (value: string) => void;
}

/** Narrows a list to the rows that belong to one. */
export function ReferenceFilter({ options, label, allLabel, value, onChange }: ReferenceFilterProps) {
  return (
    <BareSelect className="min-w-0 flex-1 basis-36 sm:flex-none sm:basis-44" aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">{allLabel}</option>
      {options === undefined && value !== "" && <option value={value}>Loading…</option>}
      {options?.map(({ id, text }) => (
        <option key={id} value={id}>
          {text}
        </option>
      ))}
    </BareSelect>
  );
}
