import { useEffect, useRef, type ReactNode } from "react";
import { Link, NavLink, useLocation } from "react-router";
import { ThemeToggle } from "./theme-toggle.tsx";
import { Toaster } from "./ui/toast.tsx";

interface ShellProps {
  name: string;
  /** The sections of the app; shown when there is more than one. */
  sections: { path: string; label: string }[];
  children: ReactNode;
}

export function Shell({ name, sections, children }: ShellProps) {
  const { pathname } = useLocation();
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    window.scrollTo(0, 0);
    // On a phone the sections may be wider than the screen.
    nav.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [pathname]);

  return (
    <>
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-30 focus:rounded-control focus:bg-card focus:px-4 focus:py-2"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-10 border-b bg-background/85 backdrop-blur-md">
        <div className="mx-auto flex h-14 max-w-[800px] items-center gap-3 px-4 sm:gap-6">
          <Link to="/" className="flex min-w-0 items-center gap-2.5 rounded-control font-semibold tracking-[-0.01em]">
            <span
              aria-hidden="true"
              className="grid size-7 shrink-0 place-items-center rounded-control bg-primary text-[15px] font-semibold text-primary-foreground"
            >
              {Array.from(name)[0]?.toUpperCase()}
            </span>
            <span className={`truncate ${sections.length > 1 ? "max-sm:sr-only" : ""}`}>{name}</span>
          </Link>
          {sections.length > 1 && (
            <nav
              ref={nav}
              aria-label="Sections"
              className="flex min-w-0 gap-1 overflow-x-auto [mask-image:linear-gradient(to_right,black_calc(100%-20px),transparent)] py-1 pr-5 [scrollbar-width:none]"
            >
              {sections.map((section) => (
                <NavLink
                  key={section.path}
                  to={section.path}
                  className="rounded-control px-3 py-1.5 text-[15px] font-medium whitespace-nowrap text-muted-foreground hover:text-foreground aria-[current=page]:bg-muted aria-[current=page]:text-foreground"
                >
                  {section.label}
                </NavLink>
              ))}
            </nav>
          )}
          <div className="ml-auto">
            <ThemeToggle />
          </div>
        </div>
      </header>
      <main id="main" className="mx-auto max-w-[800px] px-4 pt-8 pb-24 sm:pt-12">
        {children}
      </main>
      <Toaster />
    </>
  );
}
