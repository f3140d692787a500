/** HTTP to apps by their host names: Node does not resolve `*.localhost`, so the connection goes to 127.0.0.1 and the name into the header. */
import { request } from "node:http";

export interface Answer {
  status: number;
  body: string;
}

/** One request to `url`, whose port is the gateway's. Rejects when there is no answer. */
export function fetchApp(url: string, options: { method?: string; json?: unknown; timeoutMs?: number } = {}): Promise<Answer> {
  const { host, port, pathname, search } = new URL(url);
  const body = options.json === undefined ? undefined : JSON.stringify(options.json);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        port,
        path: `${pathname}${search}`,
        method: options.method ?? (body === undefined ? "GET" : "POST"),
        headers: {
          host,
          accept: "text/html, */*",
          ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }));
        response.on("error", reject);
      },
    );
    call.setTimeout(options.timeoutMs ?? 60_000, () => call.destroy(new Error(`no answer in ${options.timeoutMs ?? 60_000} ms`)));
    call.on("error", reject);
    call.end(body);
  });
}
