/** Asks a procedure of an app over HTTP whether it is there and answers without a server error. */
import type { Contract } from "../core/spec.ts";
import { requestHttp, type HttpAnswer } from "./http-call.ts";

export type Procedure = Contract["procedures"][number];

export interface ProcedureAnswer {
  procedure: Procedure;
  ok: boolean;
  /** What was answered: "200", "400 BAD_REQUEST", "is missing". */
  note: string;
}

export interface AppAddress {
  host: string;
  port: number;
  /** Where the app is reached through a gateway. */
  hostHeader?: string;
}

/** Where generated apps serve tRPC. */
const TRPC_PATH = "/api/trpc";
const CALL_LIMIT_MS = 10_000;

/**
 * Calls without input, and where that is refused, with an empty object. Every answer but a server error is fine: what an empty input means is
 * the app's business. Not there, of the other type, or no tRPC answer at all: not ok. Never rejects.
 */
export async function callProcedure(address: AppAddress, procedure: Procedure): Promise<ProcedureAnswer> {
  const first = judge(procedure, await send(address, procedure, undefined));
  if (!first.ok || !first.note.startsWith("400")) return first;
  return judge(procedure, await send(address, procedure, "{}"));
}

function send(address: AppAddress, procedure: Procedure, input: string | undefined): Promise<HttpAnswer> {
  const path = `${TRPC_PATH}/${procedure.name}`;
  const target = { host: address.host, port: address.port, timeoutMs: CALL_LIMIT_MS };
  const headers: Record<string, string> = address.hostHeader === undefined ? {} : { host: address.hostHeader };
  if (procedure.type === "query")
    return requestHttp({ ...target, headers, path: input === undefined ? path : `${path}?input=${encodeURIComponent(input)}` });
  return requestHttp({
    ...target,
    path,
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    ...(input === undefined ? {} : { body: input }),
  });
}

function judge(procedure: Procedure, answer: HttpAnswer): ProcedureAnswer {
  const verdict = (ok: boolean, note: string): ProcedureAnswer => ({ procedure, ok, note });
  if (answer.status === undefined) return verdict(false, `did not answer: ${answer.error}`);
  const envelope = readEnvelope(answer.body);
  const message = envelope?.message ?? "";
  if (envelope?.code === "NOT_FOUND" && message.startsWith("No procedure found")) return verdict(false, "is missing");
  if (envelope?.code === "METHOD_NOT_SUPPORTED") return verdict(false, `is not a ${procedure.type}`);
  if (answer.status >= 500) return verdict(false, `failed with ${answer.status}${message === "" ? "" : `: ${message.slice(0, 300)}`}`);
  if (envelope === undefined) return verdict(false, `answered ${answer.status} with something else than tRPC`);
  return verdict(true, envelope.code === undefined ? String(answer.status) : `${answer.status} ${envelope.code}`);
}

/** The outcome in a tRPC answer: `{ result }` or `{ error: { message, data: { code } } }`. */
function readEnvelope(body: string): { code?: string; message?: string } | undefined {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  if ("result" in json) return {};
  if (!("error" in json) || typeof json.error !== "object" || json.error === null) return undefined;
  const error = json.error as { message?: unknown; data?: { code?: unknown } };
  const code = error.data?.code;
  return { message: typeof error.message === "string" ? error.message : "", code: typeof code === "string" ? code : "UNKNOWN" };
}
