/** The values of the named controls in `root`, as the API takes them: nothing typed is "", a number is a number, a moment has its offset. */
export function readForm(root: HTMLElement | null): Record<string, unknown> {
  const controls = root?.querySelectorAll<HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>("[name]") ?? [];
  return Object.fromEntries(Array.from(controls, (control) => [control.getAttribute("name"), read(control)]));
}

function read(control: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement): unknown {
  // A select whose values stand for numbers.
  if (control.dataset.value === "number") return control.value === "" ? null : Number(control.value);
  if (!(control instanceof HTMLInputElement)) return control.value;
  if (control.type === "checkbox") return control.checked;
  if (control.type === "number") {
    if (control.value === "") return control.validity.badInput ? Number.NaN : null;
    return Number(control.value);
  }
  if (control.type === "datetime-local" && control.value !== "") return new Date(control.value).toISOString();
  return control.value;
}
