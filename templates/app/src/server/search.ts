/** The pattern of ILIKE that finds `text` anywhere, with no character of it special. */
export function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, "\\$&")}%`;
}
