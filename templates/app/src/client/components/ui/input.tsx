import type { InputHTMLAttributes, TextareaHTMLAttributes } from "react";
import { useControl } from "./form.tsx";

const look = "control block w-full min-w-0 rounded-control px-3.5 text-base placeholder:text-muted-foreground sm:text-[15px]";

export function Input(props: InputHTMLAttributes<HTMLInputElement>) {
  return <input {...useControl()} className={`${look} h-10`} {...props} />;
}

export function Textarea(props: TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <textarea {...useControl()} rows={9} className={`${look} min-h-24 resize-y py-2.5 leading-relaxed`} {...props} />;
}

export function Checkbox(props: InputHTMLAttributes<HTMLInputElement>) {
  return <input type="checkbox" {...useControl()} className="size-[18px] shrink-0 accent-primary" {...props} />;
}
