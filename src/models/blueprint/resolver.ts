/** Makes the statements of a request changes of the app that they are about, one after the other. */
import { takeAdd, takeSaid } from "./additions.ts";
import { findBeyond } from "./language/beyond.ts";
import type { SpokenChange } from "./language/changes.ts";
import type { Said } from "./language/clauses.ts";
import { oneOf } from "./language/nouns.ts";
import { takeRemove, takeRename } from "./removals.ts";
import { extract, setDefault, takeFlag, takeRetype } from "./rules.ts";
import { takeView } from "./seeing.ts";
import { Doubt, type Session } from "./session.ts";
import { findRecords } from "./vocabulary.ts";

/** Takes all statements, in order. Throws `Doubt`. */
export function resolve(session: Session, spoken: readonly SpokenChange[]): void {
  for (const change of spoken) if (change.kind === "said") define(session, change.said);
  for (const change of spoken) take(session, change);
  const unused = [...session.definitions.keys()].find((name) => !session.used.has(name));
  if (unused !== undefined) throw new Doubt(`it does not say what "${unused}" belongs to`);
}

function define(session: Session, said: Said): void {
  if (said.of === undefined || findRecords(session.apps, said.of.join(" ")).length > 0) return;
  const name = oneOf(said.of.join(" ")).join(" ");
  const known = session.definitions.get(name);
  session.definitions.set(
    name,
    known === undefined
      ? said
      : { ...known, fields: [...known.fields, ...said.fields], relations: [...known.relations, ...said.relations] },
  );
}

function take(session: Session, change: SpokenChange): void {
  switch (change.kind) {
    case "add":
      return takeAdd(session, change);
    case "said":
      return takeSaid(session, change.said);
    case "remove":
      return takeRemove(session, change);
    case "rename":
      return takeRename(session, change);
    case "retype":
      return takeRetype(session, change);
    case "flag":
      return takeFlag(session, change);
    case "default":
      return setDefault(session, session.field(change.what, change.of, "change"), change.value);
    case "extract":
      return extract(session, session.field(change.what, change.of, "change"), { implied: false });
    case "views":
      for (const view of change.views) takeView(session, view);
      return;
    case "rows":
      throw new Doubt("I change what an app is made of and never delete its records", { hint: "Delete them in the app itself." });
    case "unclear": {
      const beyond = findBeyond(change.text, []);
      throw new Doubt(
        beyond === undefined ? `I did not understand "${change.text.slice(0, 200)}"` : `"${beyond}" is more than records and their fields`,
      );
    }
  }
}
