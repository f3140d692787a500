/** Requests for one of the vetted apps, and what of the request such an app covers by itself. */
import type { BlueprintName } from "../catalog.ts";

const CALLED: readonly { name: BlueprintName; pattern: RegExp; covers: RegExp }[] = [
  {
    name: "expenses",
    pattern:
      /\b(?:expenses?|bills?|costs?)[ -](?:splitter|splitting|sharing|split)\b|\bsplit(?:s|ting)? (?:the |our |shared |common |group |household )?(?:bills?|expenses|costs)\b|\bwho owes (?:whom|who|what)\b|\bsplitwise\b|\bsettl(?:e|ing) (?:up|debts)\b|\bshared (?:expenses|costs)\b/i,
    covers:
      /^(?:person|people|expense|expenses|payment|payments|balance|balances|who owes (?:whom|who|what)|debts?|members?|flatmates?|friends?|group|settlements?)$/i,
  },
  {
    name: "rsvp",
    pattern: /\brsvps?\b|\bplus[- ]ones?\b|\binvitations?\b.*\b(?:guests?|yes or no|reply|replies)\b|\bguests?\b.*\binvitations?\b/i,
    covers: /^(?:guests?|events?|plus[- ]ones?|repl(?:y|ies)|answers?|responses?|invitations?|head ?counts?|attend(?:ance|ing|ees))$/i,
  },
  {
    name: "inventory",
    pattern: /\binventory\b(?! of)|\bstock (?:keeping|management|control)\b/i,
    covers: /^(?:items?|products?|suppliers?|stock|quantit(?:y|ies)|movements?|articles?|goods|parts)$/i,
  },
  { name: "guestbook", pattern: /\bguest ?book\b/i, covers: /^(?:entr(?:y|ies)|messages?|visitors?)$/i },
  { name: "todo", pattern: /\bto-?\s?do(?:s|'s)?\b|\btask (?:list|tracker|manager)\b/i, covers: /^(?:tasks?|todos?|to-?dos?)$/i },
  { name: "blog", pattern: /\b(?:web ?)?(?:blog|weblog)\b/i, covers: /^(?:posts?|articles?|blog posts?)$/i },
];

/** The vetted app that a request calls by its name. */
export function blueprintCalled(text: string): BlueprintName | undefined {
  return CALLED.find(({ pattern }) => pattern.test(text))?.name;
}

/** True where the vetted app has by itself what `phrase` asks for. */
export function isCovered(name: BlueprintName, phrase: string): boolean {
  return CALLED.some((one) => one.name === name && one.covers.test(phrase.trim()));
}

/** What people do with a vetted app: they can. */
export const ACTS = /\b(?:can|could|may|will|should|bring|say|see|reply|answer)\b/i;

/** The main records of the vetted apps. */
export const BASE_RECORDS: Readonly<Record<BlueprintName, readonly string[]>> = {
  blog: ["post"],
  todo: ["task"],
  guestbook: ["entry"],
  expenses: ["expense"],
  rsvp: ["guest"],
  inventory: ["item"],
};
