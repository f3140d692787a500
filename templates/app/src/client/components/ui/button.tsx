import type { ComponentProps } from "react";
import { Link, type LinkProps } from "react-router";

const looks = {
  primary:
    "bg-primary text-primary-foreground hover:bg-primary-hover shadow-[inset_0_1px_0_rgb(255_255_255/0.14),0_1px_2px_rgb(0_0_0/0.08)]",
  outline: "border border-input bg-card hover:bg-muted",
  ghost: "text-muted-foreground hover:bg-muted hover:text-foreground",
  destructive: "bg-destructive text-destructive-foreground hover:opacity-90",
};

type Look = keyof typeof looks;

function classes(look: Look, extra = ""): string {
  return `inline-flex h-10 shrink-0 items-center justify-center gap-2 rounded-control px-4 text-[15px] font-medium whitespace-nowrap transition-colors select-none disabled:opacity-60 ${looks[look]} ${extra}`;
}

export function Button({ look = "outline", className, type = "button", ...props }: ComponentProps<"button"> & { look?: Look }) {
  return <button type={type} className={classes(look, className)} {...props} />;
}

export function ButtonLink({ look = "outline", className, ...props }: LinkProps & { look?: Look; className?: string }) {
  return <Link className={classes(look, className)} {...props} />;
}
