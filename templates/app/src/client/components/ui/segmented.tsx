interface SegmentedProps {
  label: string;
  options: { value: string; text: string }[];
  value: string;
  onChange: (value: string) => void;
}

/** A choice among a few, all of them in sight. */
export function Segmented({ label, options, value, onChange }: SegmentedProps) {
  return (
    <div role="group" aria-label={label} className="flex h-10 min-w-0 flex-1 basis-full rounded-control sm:flex-none sm:basis-auto border bg-muted p-[3px]">
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
          className="min-w-0 flex-auto truncate rounded-[5px] px-2 sm:px-3.5 text-[15px] font-medium text-muted-foreground transition-colors hover:text-foreground aria-pressed:bg-raised aria-pressed:text-foreground aria-pressed:shadow-[0_1px_2px_rgb(0_0_0/0.12)]"
        >
          {option.text}
        </button>
      ))}
    </div>
  );
}
