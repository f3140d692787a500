import { createServer, type RequestListener } from "node:http";
import { afterEach, expect, test } from "vitest";
import { createRunnerClient, openSession } from "./runner-client.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(listener: RequestListener, port = 0): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  closers.push(() => (server.closeAllConnections(), new Promise((done) => server.close(done))));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

test("a refusal arrives as the error that the control plane threw", async () => {
  const url = await serve(
    (_request, response) =>
      void response
        .writeHead(409)
        .end(JSON.stringify({ error: { code: "run-stopped", remedy: "author", message: 'The run "r" was stopped.', hint: "Ask again." } })),
  );
  await expect(createRunnerClient(url, "t").snapshot("note")).rejects.toMatchObject({
    code: "run-stopped",
    remedy: "author",
    hint: "Ask again.",
  });
});

test("an answer of the wrong shape is refused by the call's name", async () => {
  const url = await serve((_request, response) => void response.writeHead(200).end(JSON.stringify({ nothing: true })));
  await expect(openSession(url, { oidcToken: "o", runId: "r" })).rejects.toMatchObject({
    code: "runner-answer-invalid",
    message: expect.stringContaining("/session") as string,
  });
});

test("a control plane that restarts is waited for where a repeat is safe", async () => {
  let calls = 0;
  const url = await serve((_request, response) => {
    calls += 1;
    if (calls < 3) response.writeHead(503).end();
    else response.writeHead(200).end(JSON.stringify({ hash: "0123456789ab", proceed: true }));
  });
  const plan = { title: "t", summary: "s", createsApps: [], contracts: {}, tasks: [] };
  expect(await createRunnerClient(url, "t").plan(plan)).toEqual({ hash: "0123456789ab", proceed: true });
  expect(calls).toBe(3);
});

test("a snapshot whose answer was lost is taken once more, and the later one counts", async () => {
  let calls = 0;
  const url = await serve((request, response) => {
    calls += 1;
    if (calls < 3) request.socket.destroy();
    else response.writeHead(200).end(JSON.stringify({ id: `ckp_${calls}` }));
  });
  expect(await createRunnerClient(url, "t").snapshot("note")).toEqual({ id: "ckp_3" });
  expect(calls).toBe(3);
});

test("every call carries the session's token, and no call is made to another address", async () => {
  const seen: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    seen.push(`${request.method ?? ""} ${request.url ?? ""} ${request.headers.authorization ?? ""}`);
    const answer = request.url?.endsWith("/restore") === true ? JSON.stringify({ snapshot: "snap/2" }) : undefined;
    response.writeHead(answer === undefined ? 204 : 200).end(answer);
  });
  const client = createRunnerClient(`${url}/`, "secret");
  await client.events([]);
  await client.events([{ type: "phase", phase: "plan" }]);
  await client.restore("snap/1");
  await client.result({ kind: "work", outcome: "planned" });
  expect(seen).toEqual([
    "POST /runner/v1/events Bearer secret",
    "POST /runner/v1/snapshots/snap%2F1/restore Bearer secret",
    "POST /runner/v1/result Bearer secret",
  ]);
  expect(client.sql.url).toBe(`${url.replace("http", "ws")}/runner/v1/sql`);
});
