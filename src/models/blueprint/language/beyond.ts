/** What nobody can do with lists of records: asked for, it is said, not ignored. */
import { wordsOf } from "./naming.ts";

const BEYOND =
  /\b(log(?:ging)? ?in|logins?|sign(?:ing)? ?(?:in|on)|sign ?up page|users? (?:can |to )?(?:log|sign|register)|auth(?:entication|orization)?|oauth|sso|passwords?|user accounts?|user profiles?|permissions?|roles and|payments? (?:with|by|via|through|gateway)|pay online|online payments?|credit cards?|stripe|paypal|checkout|shopping cart|add to cart|e-?mails? (?:me|us|them|everyone|people|notifications?|reminders?)|send(?:s|ing)?\b(?! on| date| at)|notif(?:y|ies|ications?)|reminders?|remind(?:s|ing)?|push messages?|sms|newsletters? to|charts?|graphs?|plots?|diagrams?|statistics|analytics|maps?|geolocation|gps tracking|real[- ]?time|chat|live messages?|messaging|websockets?|upload(?:s|ed|ing)?|attachments?|csv|excel|pdf(?: export)?|print(?:ing|able|s)?|export(?:s|ed|ing)?|import(?:s|ed|ing)?|integrat(?:e|es|ion|ions)|syncs?|synchroni[sz](?:e|es|ation)|webhooks?|rest api|graphql|machine learning|artificial intelligence|chatgpt|recommend(?:s|ation|ations)?|calendar view|gantt|kanban|drag[- ]and[- ]drop|dark mode|multi-?tenant|video calls?|games?|scrap(?:e|ing|er)|fetch(?:es|ing)?|forecast|bot|compiler|3d|follow each other|followers?|like (?:trello|jira|notion|twitter|facebook|instagram|airbnb|uber|slack|reddit|youtube|amazon|ebay|whatsapp|linkedin)|clone of|clone|scan(?:s|ning)? (?:qr|bar ?codes?)|qr codes?|barcode scanner|translate|multilingual|several languages|blockchain|ai|currency conversion|convert currencies|gallery of uploaded|share (?:it|them|photos|pictures|images) |photos and share|recurring|workflow|approval process|encrypt(?:ed|ion)?)\b/gi;

/** Nobody calls a field so. */
const HARD = /^(?:stripe|paypal|oauth|sso|checkout|chatgpt|websockets?|graphql|webhooks?)$/i;

/** The first words that are more than lists of records; `names` are the words of records and fields, which may be called anything. */
export function findBeyond(text: string, names: readonly (readonly string[])[]): string | undefined {
  const known = new Set(names.map((words) => words.join(" ")));
  const inNames = new Set(names.flatMap((words) => [...words]));
  for (const match of text.matchAll(BEYOND)) {
    const words = wordsOf(match[0]);
    if (HARD.test(match[0])) return match[0].trim();
    const single = words.length === 1 && (inNames.has(words[0] ?? "") || inNames.has((words[0] ?? "").replace(/s$/, "")));
    if (!single && !known.has(words.join(" "))) return match[0].trim();
  }
  return undefined;
}
