/** Passing one request, or one upgraded connection, on to an app and its answer back, at the pace of the slower side. */
import {
  request as startRequest,
  type Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";
import { withoutAccessCookie } from "./access.ts";

export interface Address {
  host: string;
  port: number;
}

/** Of one connection only (RFC 9110, 7.6.1), never passed on. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Resolves when the exchange has ended, however. `onFailure` is called if the app failed before its answer began.
 * Requests that may be repeated without harm go over the kept connections of `agent`: one that the app closed meanwhile is no failure.
 */
export async function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  to: Address,
  agent: Agent,
  onFailure: (error: Error) => void,
): Promise<void> {
  const headers = forwardedHeaders(request);
  // Node sets neither for a body of unknown length that it was not told about.
  if (request.headers["transfer-encoding"] !== undefined) headers["transfer-encoding"] = "chunked";
  const hasBody = headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  const repeatable = !hasBody && (request.method === "GET" || request.method === "HEAD");

  await new Promise<void>((resolve) => {
    let upstream: ClientRequest | undefined;
    response.once("close", () => {
      upstream?.destroy();
      resolve();
    });
    const send = (over: Agent | false): void => {
      const call = startRequest({ ...to, method: request.method, path: request.url, headers, agent: over, setHost: false });
      upstream = call;
      call.once("response", (reply) => {
        response.writeHead(reply.statusCode ?? 502, reply.statusMessage, replyHeaders(reply));
        // A broken answer must not look like a complete one: pipeline destroys the client's connection.
        pipeline(reply, response, () => undefined);
      });
      call.once("error", (error) => {
        if (response.headersSent) response.destroy();
        else if (over !== false && call.reusedSocket && !response.destroyed) send(false);
        else if (!response.destroyed) onFailure(error);
      });
      if (hasBody) request.pipe(call);
      else call.end();
    };
    send(repeatable ? agent : false);
  });
}

/** As `forwardRequest`, for a connection that asks to speak another protocol. Returns once the app has answered; `onEnd` is called at the end. */
export async function forwardUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  to: Address,
  onEnd: () => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const headers = { ...forwardedHeaders(request), connection: "Upgrade", upgrade: request.headers.upgrade };
    const upstream = startRequest({ ...to, method: request.method, path: request.url, headers, agent: false, setHost: false });
    socket.once("close", () => {
      upstream.destroy();
      onEnd();
    });
    upstream.once("error", (error) => {
      reject(error);
      onEnd();
    });
    upstream.once("response", (reply) => {
      // The app answers in plain HTTP: it refuses.
      socket.write(head11(reply, { ...replyHeaders(reply), connection: "close" }));
      pipeline(reply, socket, () => undefined);
      resolve();
    });
    upstream.once("upgrade", (reply, backend, backendHead) => {
      socket.write(head11(reply, { ...replyHeaders(reply), connection: "Upgrade", upgrade: reply.headers.upgrade }));
      if (backendHead.length > 0) socket.write(backendHead);
      if (head.length > 0) backend.write(head);
      pipeline(socket, backend, () => undefined);
      pipeline(backend, socket, () => undefined);
      resolve();
    });
    upstream.end();
  });
}

function forwardedHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = passedOn(request.headers);
  const cookie = request.headers.cookie === undefined ? undefined : withoutAccessCookie(request.headers.cookie);
  if (cookie === undefined) delete headers["cookie"];
  else headers["cookie"] = cookie;
  // What a client claims about who sent it is not passed on.
  delete headers["forwarded"];
  headers["x-forwarded-for"] = request.socket.remoteAddress ?? "";
  headers["x-forwarded-host"] = request.headers.host ?? "";
  headers["x-forwarded-proto"] = "http";
  return headers;
}

function replyHeaders(reply: IncomingMessage): OutgoingHttpHeaders {
  return passedOn(reply.headers);
}

function passedOn(from: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = (from.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(from)) {
    if (!HOP_BY_HOP.has(name) && !named.includes(name) && value !== undefined) headers[name] = value;
  }
  return headers;
}

function head11(reply: IncomingMessage, headers: OutgoingHttpHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((item) => `${name}: ${String(item)}`),
  );
  return [`HTTP/1.1 ${reply.statusCode} ${reply.statusMessage}`, ...lines, "", ""].join("\r\n");
}
