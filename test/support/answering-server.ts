/** A real HTTP server that gives prepared answers, for what a well-behaved server cannot be made to say. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Asked {
  method: string;
  path: string;
  authorization: string | undefined;
}

export interface AnsweringServer extends AsyncDisposable {
  url: string;
  asked: Asked[];
}

/** `answer` may return undefined: then the request hangs until the client gives up. */
export async function startAnsweringServer(answer: (asked: Asked, count: number) => Answer | undefined): Promise<AnsweringServer> {
  const asked: Asked[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    request.resume();
    asked.push({ method: request.method ?? "", path: request.url ?? "", authorization: request.headers.authorization });
    const { status, body, headers } = answer(asked.at(-1) as Asked, asked.length) ?? { status: 0 };
    if (status === 0) return;
    response
      .writeHead(status, { "content-type": "application/json", ...headers })
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
