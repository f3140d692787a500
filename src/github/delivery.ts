/** What GitHub tells us: a webhook delivery, verified by its signature and read into what the platform uses of it. */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { z } from "zod";
import { AdorableError } from "../core/errors.ts";
import { EVENTS, envelopeSchema } from "./delivery-schemas.ts";

type Event = keyof typeof EVENTS;

/** Who and where: the same for every event. `repository` and `installationId` are absent where the event has none. */
export type DeliveryEnvelope = z.output<typeof envelopeSchema> & {
  /** GitHub's delivery GUID; a redelivery has the same one. */
  id: string;
};

export type DeliveryOf<E extends Event> = DeliveryEnvelope & { event: E } & z.output<(typeof EVENTS)[E]>;

export type Delivery =
  | { [E in Event]: DeliveryOf<E> }[Event]
  /** An event or an action that the platform does not act on. */
  | { id: string; event: "ignored"; name: string };

/** Header names in any case. */
export type DeliveryHeaders = Record<string, string | string[] | undefined>;

/**
 * The verified delivery. `rawBody` must be the bytes as they came: the signature covers them.
 * Throws `delivery-unsigned`, `delivery-forged`, `delivery-malformed` (operator); nothing of an unverified body is read.
 */
export function parseDelivery(headers: DeliveryHeaders, rawBody: Uint8Array, secret: string): Delivery {
  const signature = header(headers, "x-hub-signature-256");
  if (signature === undefined) throw refused("delivery-unsigned", "The delivery has no X-Hub-Signature-256 header.");
  if (!isSignedWith(secret, rawBody, signature))
    throw refused("delivery-forged", "The delivery's signature is not made with our webhook secret.");

  const id = header(headers, "x-github-delivery");
  const name = header(headers, "x-github-event");
  if (!id || !name) throw refused("delivery-malformed", "The delivery has no X-GitHub-Delivery or no X-GitHub-Event header.");
  if (!isKnown(name)) return { id, event: "ignored", name };
  return readDelivery(id, name, readPayload(header(headers, "content-type"), rawBody));
}

/** The delivery of a payload whose signature was verified before. Throws `delivery-malformed` (operator). */
export function readDelivery(id: string, name: string, payload: unknown): Delivery {
  if (!isKnown(name)) return { id, event: "ignored", name };
  const envelope = read(name, envelopeSchema, payload);
  return { ...envelope, ...read<object>(name, EVENTS[name], payload), id, event: name } as Delivery;
}

/** The value of `X-Hub-Signature-256` for a body. */
export function signDelivery(secret: string, rawBody: Uint8Array): string {
  return `sha256=${createHmac("sha256", secret).update(rawBody).digest("hex")}`;
}

function isSignedWith(secret: string, rawBody: Uint8Array, signature: string): boolean {
  const [expected, given] = [Buffer.from(signDelivery(secret, rawBody)), Buffer.from(signature)];
  return expected.length === given.length && timingSafeEqual(expected, given);
}

function isKnown(name: string): name is Event {
  return Object.hasOwn(EVENTS, name);
}

function readPayload(contentType: string | undefined, rawBody: Uint8Array): unknown {
  const text = Buffer.from(rawBody).toString("utf8");
  try {
    // The App may be set to form encoding; the signature covers the body either way.
    const isForm = contentType?.startsWith("application/x-www-form-urlencoded");
    return JSON.parse(isForm ? (new URLSearchParams(text).get("payload") ?? "") : text);
  } catch (cause) {
    throw refused("delivery-malformed", "The delivery's body is not JSON.", cause);
  }
}

function read<T>(name: string, schema: z.ZodType<T>, payload: unknown): T {
  const result = schema.safeParse(payload);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw refused(
    "delivery-malformed",
    `The "${name}" delivery is not as GitHub documents it, at "${issue?.path.join(".")}": ${issue?.message}`,
    result.error,
  );
}

function header(headers: DeliveryHeaders, name: string): string | undefined {
  const key = Object.keys(headers).find((each) => each.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  return Array.isArray(value) ? value[0] : value;
}

function refused(code: string, message: string, cause?: unknown): AdorableError {
  const hint = "Check that the webhook's secret and content type at GitHub are the platform's.";
  return new AdorableError({ code, remedy: "operator", message, hint, cause });
}
