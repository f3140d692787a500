/** The kinds of fields that inputs are made of. Both the API and the forms check with them, so both say the same. */
import { z } from "zod";

// The page's content security policy forbids code made from text, which zod would otherwise try when a schema is made.
z.config({ jitless: true });

export const SLUG_LENGTH_MAX = 100;
/** Room for a suffix such as `-12` below SLUG_LENGTH_MAX. */
const SLUG_BASE_LENGTH_MAX = 80;

export function text(label: string, lengthMax = 200) {
  return z
    .string({ error: required(label) })
    .trim()
    .min(1, `${label} is required.`)
    .max(lengthMax, `${label} is longer than ${lengthMax} characters.`);
}

export function longText(label: string) {
  return text(label, 50_000);
}

export function slug(label: string) {
  return text(label, SLUG_LENGTH_MAX).regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, `${label} may hold a to z, 0 to 9 and single hyphens.`);
}

export function email(label: string) {
  return text(label, 254).pipe(z.email(`${label} must be an e-mail address, such as name@example.com.`));
}

export function url(label: string) {
  return text(label, 2000).pipe(
    z.url({ protocol: /^https?$/, error: `${label} must be a web address that starts with https:// or http://.` }),
  );
}

export function choice<const T extends [string, ...string[]]>(label: string, values: T) {
  return z.enum(values, { error: `Choose one for ${label}.` });
}

export function boolean(label: string) {
  return z.boolean({ error: `${label} is either true or false.` });
}

interface Limits {
  min?: number;
  max?: number;
}

export function integer(label: string, { min = -2_147_483_648, max = 2_147_483_647 }: Limits = {}) {
  return z
    .number({ error: required(label, "must be a whole number") })
    .int(`${label} must be a whole number.`)
    .min(min, atLeast(label, min))
    .max(max, atMost(label, max));
}

/** Up to ten digits before the point and two after it. */
export function decimal(label: string, { min = -9_999_999_999.99, max = 9_999_999_999.99 }: Limits = {}) {
  return z
    .number({ error: required(label, "must be a number") })
    .multipleOf(0.01, `${label} may have two digits after the point.`)
    .min(min, atLeast(label, min))
    .max(max, atMost(label, max));
}

/** An amount, exact to the cent. */
export function money(label: string, limits: Limits = {}) {
  return decimal(label, limits);
}

/** Stars, from one to `max`. */
export function rating(label: string, max: number) {
  return integer(label, { min: 1, max });
}

/** The id of another row. */
export function reference(label: string) {
  return z.number({ error: `Choose one for ${label}.` }).int().positive(`Choose one for ${label}.`);
}

export function phone(label: string) {
  return text(label, 40).regex(/^\+?[\d\s().\/-]*\d[\d\s().\/-]*(?:(?:x|ext\.?)\s*\d+)?$/i, `${label} must be a phone number, such as +44 20 7946 0100.`);
}

/** A time of day, as `09:30`. */
export function time(label: string) {
  return text(label).regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, `${label} must be a time of day, such as 09:30.`);
}

/** A day, as `2026-11-21`. */
export function date(label: string) {
  return text(label).pipe(z.iso.date(`${label} must be a date.`));
}

/** A moment, as ISO 8601 with an offset. */
export function dateTime(label: string) {
  return text(label).pipe(z.iso.datetime({ offset: true, error: `${label} must be a date and a time.` }));
}

/** Blank means that there is no value. */
export function optional<T extends z.ZodType>(field: T) {
  return z.preprocess(
    (value: z.input<T> | "" | null) => (typeof value === "string" && value.trim() === "" ? null : value),
    field.nullable(),
  );
}

export const rowId = z.number().int().positive();

/** `Crème brûlée, twice!` becomes `creme-brulee-twice`; text without a letter or digit becomes `fallback`. */
export function slugify(source: string, fallback: string): string {
  const words = source
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "");
  return words.slice(0, SLUG_BASE_LENGTH_MAX).replace(/-+$/, "") || fallback;
}

function atLeast(label: string, min: number): string {
  return Number.isSafeInteger(min) && min > -2_147_483_648 ? `${label} must be ${min} or more.` : `${label} is too small.`;
}

function atMost(label: string, max: number): string {
  return Number.isSafeInteger(max) && max < 2_147_483_647 ? `${label} must be ${max} or less.` : `${label} is too large.`;
}

function required(label: string, otherwise = "must be text") {
  return ({ input }: { input?: unknown }) => (input === undefined || input === null ? `${label} is required.` : `${label} ${otherwise}.`);
}

/** What every list takes. Rows come newest first; `cursor` is the `nextCursor` of the page before. */
export const listInput = z.object({
  search: z.string().trim().max(200).default(""),
  limit: z.number().int().min(1).max(100).default(20),
  cursor: rowId.nullish(),
});
