import { useEffect, useId, useRef, type ReactNode } from "react";
import { Alert } from "./alert.tsx";
import { Button } from "./button.tsx";

interface AlertDialogProps {
  title: string;
  children: ReactNode;
  /** What the act is called on its button. */
  action: string;
  pending: boolean;
  error?: string | undefined;
  onConfirm: () => void;
  onCancel: () => void;
}

/** Asks before something that cannot be undone. Mount it to open it; on a phone it rises from the bottom. */
export function AlertDialog({ title, children, action, pending, error, onConfirm, onCancel }: AlertDialogProps) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    cancel.current?.focus();
    return () => element?.close();
  }, []);

  return (
    <dialog
      ref={dialog}
      role="alertdialog"
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
      onCancel={(event) => {
        event.preventDefault();
        if (!pending) onCancel();
      }}
      className="mx-4 mt-auto mb-4 w-auto max-w-none animate-[rise_160ms_ease-out] rounded-card border bg-card p-6 text-foreground shadow-xl max-sm:w-[calc(100%-2rem)] sm:m-auto sm:w-full sm:max-w-md"
    >
      <h2 id={`${id}-title`} className="text-lg font-semibold tracking-[-0.01em]">
        {title}
      </h2>
      <div id={`${id}-text`} className="mt-2 text-[15px] text-muted-foreground">
        {children}
      </div>
      {error !== undefined && (
        <div className="mt-4">
          <Alert>{error}</Alert>
        </div>
      )}
      <div className="mt-6 flex flex-col-reverse gap-2 sm:flex-row sm:justify-end">
        <Button ref={cancel} onClick={onCancel} disabled={pending}>
          Cancel
        </Button>
        <Button look="destructive" onClick={onConfirm} disabled={pending}>
          {action}
        </Button>
      </div>
    </dialog>
  );
}
