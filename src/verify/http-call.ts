/** One HTTP request to an address of this machine, with any Host header, and what came of it as data. */
import { request } from "node:http";

export interface HttpCall {
  host: string;
  port: number;
  path: string;
  method?: "GET" | "POST";
  headers?: Record<string, string>;
  body?: string;
  timeoutMs: number;
}

export type HttpAnswer =
  | { status: number; contentType: string; body: string }
  /** No answer: refused, cut off or too late. */
  | { status?: undefined; error: string };

const BODY_LIMIT = 2 * 1024 * 1024;

/** Never rejects; follows no redirect; what is beyond 2 MiB of the body is dropped. */
export function requestHttp(call: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const outgoing = request(
      {
        host: call.host,
        port: call.port,
        path: call.path,
        method: call.method ?? "GET",
        headers: { connection: "close", ...call.headers },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          if (bytes < BODY_LIMIT) chunks.push(chunk);
          bytes += chunk.length;
        });
        response.on("error", (error) => settle({ error: error.message }));
        response.on("end", () =>
          settle({
            status: response.statusCode ?? 0,
            contentType: response.headers["content-type"] ?? "",
            body: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      },
    );
    const timer = setTimeout(() => settle({ error: `no answer within ${Math.round(call.timeoutMs)} ms` }), call.timeoutMs);
    const settle = (answer: HttpAnswer) => {
      clearTimeout(timer);
      outgoing.destroy();
      resolve(answer);
    };
    outgoing.on("error", (error: NodeJS.ErrnoException) => settle({ error: error.message || error.code || "connection failed" }));
    outgoing.end(call.body);
  });
}
