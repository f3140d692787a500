import { useControl } from "./form.tsx";

export function Checkbox({ text, defaultChecked }: { text: string; defaultChecked?: boolean }) {
  return (
    <label className="control flex min-h-10 items-center gap-3 rounded-control px-3.5 text-base has-focus-visible:border-primary has-focus-visible:shadow-[0_0_0_3px_color-mix(in_oklab,var(--primary)_25%,transparent)] sm:text-[15px]">
      <input type="checkbox" {...useControl()} defaultChecked={defaultChecked} className="size-4 shrink-0 accent-primary outline-none" />
      <span aria-hidden="true">{text}</span>
    </label>
  );
}
