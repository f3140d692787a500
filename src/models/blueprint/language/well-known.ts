/** Apps that people ask for by a name of their own: which records they are about, and the fields that everybody expects of them. */

interface WellKnown {
  /** What people call it, in the singular and in lower case, without "app" or "tracker". */
  names: readonly string[];
  entity: string;
  /** In the words of a request; used when no field was said. */
  fields: string;
}

const WELL_KNOWN: readonly WellKnown[] = [
  { names: [], entity: "comment", fields: "name, text: long text" },
  { names: [], entity: "review", fields: "name, rating, text: long text" },
  { names: [], entity: "reply", fields: "name, text: long text" },
  { names: [], entity: "ingredient", fields: "name, quantity: decimal, unit" },
  { names: [], entity: "subtask", fields: "title, done" },
  { names: [], entity: "person", fields: "name, email" },
  { names: [], entity: "supplier", fields: "name, email, phone" },
  { names: ["to do", "todo", "task", "to do list"], entity: "task", fields: "title, notes, due date, done" },
  { names: ["contact", "address book", "phone book", "crm", "rolodex"], entity: "contact", fields: "name, email, phone, company, notes" },
  { names: ["customer", "client"], entity: "customer", fields: "name, email, phone, notes" },
  { names: ["guestbook", "guest book"], entity: "entry", fields: "name, message: long text" },
  { names: ["shopping", "grocery", "grocery list", "shopping list"], entity: "item", fields: "name, quantity, bought: checkbox" },
  { names: ["expense", "spending", "budget"], entity: "expense", fields: "description: text, amount, spent on, category" },
  { names: ["book", "reading", "reading list"], entity: "book", fields: "title, author, finished on, rating, notes" },
  { names: ["movie", "film", "watchlist", "movie watchlist"], entity: "movie", fields: "title, year, watched: checkbox, notes" },
  { names: ["recipe", "cookbook"], entity: "recipe", fields: "title, ingredients, instructions, servings" },
  { names: ["event", "event calendar", "calendar"], entity: "event", fields: "title, starts at, location, description" },
  { names: ["bookmark", "link"], entity: "bookmark", fields: "title, url, notes" },
  { names: ["note"], entity: "note", fields: "title, body" },
  { names: ["habit"], entity: "habit", fields: "name, started on, notes" },
  { names: ["bug", "issue", "ticket"], entity: "ticket", fields: "title, description, status (open, in progress, done), default open" },
  { names: ["knowledge base", "faq", "wiki"], entity: "article", fields: "title, body" },
  { names: ["diary", "journal"], entity: "entry", fields: "title, date, body" },
  { names: ["warehouse inventory", "inventory", "stock"], entity: "item", fields: "name, quantity, location, notes" },
];

/** The records behind a well-known name, and their fields; the words themselves where the name is none. */
export function wellKnown(entity: readonly string[]): { entity: string[]; fields?: string } {
  const name = entity.join(" ");
  const known = WELL_KNOWN.find(({ names, entity: own }) => own === name || names.includes(name));
  if (known === undefined) return { entity: [...entity] };
  // "bug" and "ticket" mean the same list, but whoever says "bug" shall read "bug".
  const keeps = SAYS_ITSELF.has(name);
  return { entity: keeps ? [...entity] : known.entity.split(" "), fields: known.fields };
}

const SAYS_ITSELF: ReadonlySet<string> = new Set(["bug", "issue", "ticket", "film", "link", "client"]);
