/** A visitor of the pages whose browser runs no script. */
import type { Scene } from "../browser/forge-scene.ts";

/** A visitor without script: keeps the cookie, reads forms out of pages and sends them. */
export interface Visitor {
  get(path: string, headers?: Record<string, string>): Promise<{ status: number; text: string; headers: Headers }>;
  post(path: string, fields: Record<string, string>): Promise<{ status: number; text: string; location: string | null }>;
  /** The hidden fields of the form that posts to `action` on the page at `path`. */
  form(path: string, action: string): Promise<Record<string, string>>;
}

export async function visit(scene: Scene, login?: string): Promise<Visitor> {
  let cookie = "";
  if (login !== undefined) {
    const answer = await fetch(await scene.logIn(login), { redirect: "manual" });
    cookie = (answer.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
  }
  const send = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(scene.url + path, { redirect: "manual", ...init, headers: { cookie, accept: "text/html", ...init.headers } });
  return {
    async get(path, headers = {}) {
      const answer = await send(path, { headers });
      return { status: answer.status, text: await answer.text(), headers: answer.headers };
    },
    async post(path, fields) {
      const answer = await send(path, { method: "POST", body: new URLSearchParams(fields) });
      return { status: answer.status, text: await answer.text(), location: answer.headers.get("location") };
    },
    async form(path, action) {
      const { text } = await send(path).then(async (answer) => ({ text: await answer.text() }));
      const [, inner] = new RegExp(`<form method="post" action="${action}"[^>]*>([\\s\\S]*?)</form>`).exec(text) ?? [];
      if (inner === undefined) throw new Error(`${path} has no form that posts to ${action}`);
      return Object.fromEntries(
        [...inner.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]),
      );
    },
  };
}
