import type { ReactNode } from "react";

function icon(paths: ReactNode) {
  return function Icon({ className = "size-4" }: { className?: string }) {
    return (
      <svg
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth={1.75}
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        className={`shrink-0 ${className}`}
      >
        {paths}
      </svg>
    );
  };
}

export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const SearchIcon = icon(
  <>
    <circle cx="11" cy="11" r="6.5" />
    <path d="m16 16 4 4" />
  </>,
);
export const CloseIcon = icon(<path d="m6 6 12 12M18 6 6 18" />);
export const BackIcon = icon(<path d="M19 12H5m6-6-6 6 6 6" />);
export const ArrowIcon = icon(<path d="M5 12h14m-6-6 6 6-6 6" />);
export const EditIcon = icon(<path d="M4 20h4L19.5 8.5a2.83 2.83 0 0 0-4-4L4 16v4Zm10-13.5 4 4" />);
export const TrashIcon = icon(<path d="M4 7h16M9.5 7V4.5h5V7M6.5 7l.75 12.5h9.5L17.5 7M10 11v5m4-5v5" />);
export const CheckIcon = icon(<path d="m5 12.5 4.5 4.5L19 7.5" />);
export const AlertIcon = icon(
  <>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 8v4.5m0 3.25v.01" />
  </>,
);
export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="3.75" />
    <path d="M12 3v1.75M12 19.25V21M3 12h1.75M19.25 12H21M5.6 5.6l1.25 1.25m10.3 10.3 1.25 1.25m0-12.8-1.25 1.25m-10.3 10.3L5.6 18.4" />
  </>,
);
export const MoonIcon = icon(<path d="M20 13.6A8 8 0 1 1 10.4 4a6.5 6.5 0 0 0 9.6 9.6Z" />);
export const ChevronIcon = icon(<path d="m7 10 5 5 5-5" />);
export const PageIcon = icon(
  <path d="M13.5 3.5h-6a1.5 1.5 0 0 0-1.5 1.5v14a1.5 1.5 0 0 0 1.5 1.5h9A1.5 1.5 0 0 0 18 19V8l-4.5-4.5Zm0 0V8H18M9 12.5h6M9 16h4" />,
);
export const StackIcon = icon(<path d="M4 8.5 12 4l8 4.5-8 4.5-8-4.5Zm0 4L12 17l8-4.5M4 16.5 12 21l8-4.5" />);
