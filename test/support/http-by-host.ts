/** HTTP to a loopback port with any Host header, as a browser does it for `*.localhost`. */
import { request, type IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export async function askHost(
  port: number,
  host: string,
  path = "/",
  options: { method?: string; headers?: Record<string, string>; body?: string; signal?: AbortSignal } = {},
): Promise<Reply> {
  return await new Promise((resolve, reject) => {
    const { method = "GET", headers = {}, body, signal } = options;
    const call = request({
      host: "127.0.0.1",
      port,
      path,
      method,
      headers: { host: `${host}:${port}`, ...headers },
      agent: false,
      ...(signal ? { signal } : {}),
    });
    call.once("error", reject);
    call.once("response", (response) => {
      text(response).then((content) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: content }), reject);
    });
    call.end(body);
  });
}
