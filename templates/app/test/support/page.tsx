/** Opens a page of the app in a document, talking to the real server. */
import { cleanup, configure, fireEvent, render, waitFor } from "@testing-library/react";
import { MemoryRouter } from "react-router";
import { App } from "../../src/client/app.tsx";
import { Providers } from "../../src/client/providers.tsx";
import { createApiClient } from "../../src/client/trpc.ts";

// Only what never comes takes this long; an error without the whole document in it can be read.
configure({ asyncUtilTimeout: 10_000, getElementError: (message) => new Error(message ?? "The element is not there.") });

export function openPage(path: string, send: typeof fetch) {
  cleanup();
  return render(
    <Providers client={createApiClient(send)}>
      <MemoryRouter initialEntries={[path]}>
        <App />
      </MemoryRouter>
    </Providers>,
  );
}

/** Fills in the controls of the form by name, once they are all there; a value that is true or false sets a checkbox. */
export async function fillIn(values: Record<string, unknown>): Promise<void> {
  await waitFor(() => {
    if (document.querySelector('main select[aria-busy="true"]')) throw new Error("Options are still on their way.");
  });
  for (const [name, value] of Object.entries(values)) {
    const control = document.querySelector<HTMLInputElement>(`main [name="${name}"]`);
    if (!control) throw new Error(`The form has no control named "${name}".`);
    if (typeof value === "boolean") {
      if (control.checked !== value) fireEvent.click(control);
    } else {
      const typed = control.type === "datetime-local" ? String(value).slice(0, 16) : String(value);
      fireEvent.change(control, { target: { value: typed } });
    }
  }
}
