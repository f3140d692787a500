import type { InputHTMLAttributes, ReactNode, TextareaHTMLAttributes } from "react";
import { useSearchParams } from "react-router";
import { useControl } from "./form.tsx";

const look = "control block w-full min-w-0 rounded-control px-3.5 text-base placeholder:text-muted-foreground sm:text-[15px]";

/** On a new row the address can say what it begins with: `?amount=12.50`. */
export function Input({ defaultValue, ...props }: InputHTMLAttributes<HTMLInputElement>) {
  const control = useControl();
  const [params] = useSearchParams();
  return <input {...control} className={`${look} h-10`} defaultValue={params.get(control.name) ?? defaultValue} {...props} />;
}

export function Textarea(props: TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <textarea {...useControl()} rows={4} className={`${look} min-h-24 resize-y py-2.5 leading-relaxed`} {...props} />;
}

export function Checkbox(props: InputHTMLAttributes<HTMLInputElement>) {
  return <input type="checkbox" {...useControl()} className="size-[18px] shrink-0 accent-primary" {...props} />;
}

/** A number with what it counts behind it. */
export function Suffixed({ text, children }: { text: string; children: ReactNode }) {
  return (
    <div className="flex items-center gap-3">
      {children}
      <span className="max-w-[40%] shrink-0 truncate text-[15px] text-muted-foreground">{text}</span>
    </div>
  );
}
