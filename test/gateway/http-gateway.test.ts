import { mkdir, mkdtemp, rm, chmod } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createFileArtifacts } from "../../src/artifacts/file/file-artifacts.ts";
import type { ArtifactStore } from "../../src/artifacts/artifacts.ts";
import type { EnvironmentId, HoldId, ProjectId } from "../../src/core/ids.ts";
import { createGateway, type GatewayOptions, type HttpGateway } from "../../src/runtime/gateway/http-gateway.ts";
import { createLocalRuntime, type LocalRuntime } from "../../src/runtime/local/local-runtime.ts";
import { putApp, serverOf } from "../support/app-artifacts.ts";
import { askHost } from "../support/http-by-host.ts";

const PLACE = "proj_x";
const HOST = "blog--x.localhost";

let root: string;
let artifacts: ArtifactStore;
let runtime: LocalRuntime;
let gateway: HttpGateway;
const errors: unknown[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gateway-"));
  await chmod(root, 0o755);
  await mkdir(join(root, "modules"));
  artifacts = await createFileArtifacts({ dir: join(root, "artifacts") });
  runtime = await createLocalRuntime({ dir: join(root, "runtime"), artifacts, modules: join(root, "modules"), readyTimeoutMs: 5000 });
  gateway = await open();
});
afterEach(async () => {
  await gateway.close();
  await runtime.close();
  await rm(root, { recursive: true, force: true });
  expect(errors.splice(0)).toEqual([]);
});

async function open(options: Partial<GatewayOptions> = {}): Promise<HttpGateway> {
  return await createGateway({
    dir: join(root, "gateway"),
    port: 0,
    domain: "localhost",
    runtime,
    onError: (error) => errors.push(error),
    ...options,
  });
}

async function reopen(options: Partial<GatewayOptions> = {}): Promise<void> {
  await gateway.close();
  gateway = await open(options);
}

async function serve(files: Record<string, string>, id = "env_a", epoch = 1): Promise<EnvironmentId> {
  const environment = id as EnvironmentId;
  const artifact = await putApp(artifacts, files);
  await runtime.ensure({ id: environment, project: "prj_x" as ProjectId, apps: [{ slug: "blog", artifact, env: {} }] });
  await gateway.setRoutes({ place: PLACE, epoch, routes: [{ host: HOST, environment, app: "blog" }] });
  return environment;
}

const ECHO = serverOf("{ pid: process.pid, url: request.url, headers: request.headers, count: state.count }");
/** Answers `/slow` after 400 ms, `/begun` with how often that was asked, everything else with its pid. */
const SLOW = {
  "package.json": '{"type":"module"}',
  "src/server/main.ts": `import { createServer } from "node:http";
    let begun = 0;
    createServer((request, response) => {
      if (request.url === "/begun") return response.end(String(begun));
      if (request.url === "/slow") begun += 1;
      setTimeout(() => response.end(String(process.pid)), request.url === "/slow" ? 400 : 0);
    }).listen(Number(process.env.PORT), process.env.HOST);`,
};

describe("the gateway's routes", () => {
  it("lead each host to its app, with the truth about who asked and without the client's claims", async () => {
    await serve(ECHO);
    const reply = await askHost(gateway.port, HOST, "/a?b=1", {
      headers: { "x-forwarded-for": "1.2.3.4", connection: "x-secret", "x-secret": "1", te: "trailers" },
    });
    const said = JSON.parse(reply.body) as { url: string; headers: Record<string, string> };
    expect(said.url).toBe("/a?b=1");
    expect(said.headers).toMatchObject({
      host: `${HOST}:${gateway.port}`,
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": `${HOST}:${gateway.port}`,
      "x-forwarded-proto": "http",
    });
    expect(said.headers).not.toHaveProperty("x-secret");
    expect(said.headers).not.toHaveProperty("te");
  });

  it("answer an unknown host with a page for people and a code for programs", async () => {
    const page = await askHost(gateway.port, "nobody--x.localhost", "/", { headers: { accept: "text/html" } });
    expect([page.status, page.headers["content-type"]]).toEqual([404, "text/html; charset=utf-8"]);
    expect(page.body).toContain("Nothing lives here");
    const json = await askHost(gateway.port, "nobody--x.localhost");
    expect(JSON.parse(json.body)).toMatchObject({ error: { code: "host-unknown" } });
  });

  it("outlive a restart, and refuse an older epoch, another place's host and a foreign domain", async () => {
    const environment = await serve(ECHO, "env_a", 4);
    await reopen();
    expect((await askHost(gateway.port, HOST)).status).toBe(200);
    const routes = [{ host: HOST, environment, app: "blog" }];
    await expect(gateway.setRoutes({ place: PLACE, epoch: 3, routes: [] })).rejects.toMatchObject({ code: "stale-epoch", remedy: "bug" });
    await expect(gateway.setRoutes({ place: "proj_y", epoch: 1, routes })).rejects.toMatchObject({ code: "host-taken" });
    await expect(
      gateway.setRoutes({ place: PLACE, epoch: 5, routes: [{ host: "a.example.org", environment, app: "blog" }] }),
    ).rejects.toMatchObject({ code: "host-outside-domain" });
    expect(await gateway.listRoutes()).toEqual([{ place: PLACE, epoch: 4, routes }]);
    await gateway.removeRoutes(PLACE);
    expect((await askHost(gateway.port, HOST)).status).toBe(404);
  });
});

describe("what the gateway passes on", () => {
  it("streams both ways without gathering, at the pace of the slower side", async () => {
    await serve({
      "package.json": '{"type":"module"}',
      "src/server/main.ts": `import { createServer } from "node:http";
        import { once } from "node:events";
        let written = 0;
        createServer(async (request, response) => {
          if (request.url === "/health") return response.end();
          if (request.url === "/written") return response.end(String(written));
          if (request.url === "/echo") return request.pipe(response);
          const piece = Buffer.alloc(1024 * 1024);
          for (let i = 0; i < 64 && !response.destroyed; i += 1) {
            written += piece.length;
            if (!response.write(piece)) await Promise.race([once(response, "drain"), once(response, "close")]);
          }
          response.end();
        }).listen(Number(process.env.PORT), process.env.HOST);`,
    });
    const first = Promise.withResolvers<string>();
    const echo = request({ host: "127.0.0.1", port: gateway.port, path: "/echo", method: "POST", headers: { host: HOST } }, (response) => {
      response.on("data", (chunk: Buffer) => first.resolve(chunk.toString()));
      response.on("error", () => undefined);
    });
    echo.write("begun");
    expect(await first.promise).toBe("begun");
    echo.on("error", () => undefined).destroy();

    const paused = Promise.withResolvers<void>();
    const download = request({ host: "127.0.0.1", port: gateway.port, path: "/big", headers: { host: HOST } }, (response) => {
      response.pause();
      paused.resolve();
    });
    download.on("error", () => undefined).end();
    await paused.promise;
    let before = -1;
    await expect
      .poll(
        async () => {
          const now = Number((await askHost(gateway.port, HOST, "/written")).body);
          const settled = now === before;
          before = now;
          return settled;
        },
        { interval: 300 },
      )
      .toBe(true);
    expect(before).toBeLessThan(40 * 1024 * 1024);
    download.destroy();
  });

  it("breaks an answer that the app broke off, and says 502 with a reason when it had not begun", async () => {
    await serve({
      "package.json": '{"type":"module"}',
      "src/server/main.ts": `import { createServer } from "node:http";
        createServer((request, response) => {
          if (request.url === "/health") return response.end();
          if (request.url === "/never") return request.socket.destroy();
          response.setHeader("content-length", "100");
          response.write("half");
          setTimeout(() => request.socket.destroy(), 50);
        }).listen(Number(process.env.PORT), process.env.HOST);`,
    });
    await expect(askHost(gateway.port, HOST, "/half")).rejects.toThrow(/aborted/);
    const reply = await askHost(gateway.port, HOST, "/never", { headers: { accept: "text/html" } });
    expect(reply.status).toBe(502);
    expect(reply.body).toContain("app-closed-connection");
  });

  it("upgrades to a WebSocket, and closes it when its host moves to another environment", async () => {
    const socketServer = {
      "package.json": '{"type":"module"}',
      "src/server/main.ts": `import { createServer } from "node:http";
        import { createHash } from "node:crypto";
        const server = createServer((request, response) => response.end("plain"));
        server.on("upgrade", (request, socket) => {
          const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
          socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: " + accept + "\\r\\n\\r\\n");
          socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from("hello")]));
          socket.on("error", () => {});
        });
        server.listen(Number(process.env.PORT), process.env.HOST);`,
    };
    await serve(socketServer);
    const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/live`, { headers: { host: HOST } });
    const closed = new Promise((resolve) => client.once("close", resolve));
    client.on("error", () => undefined);
    expect(await new Promise((resolve) => client.once("message", (data: Buffer) => resolve(data.toString())))).toBe("hello");
    await serve(ECHO, "env_b", 2);
    await closed;
  });
});

describe("kept connections", () => {
  it("hide from clients that the app closes them, also while it was frozen", async () => {
    const environment = await serve({
      "package.json": '{"type":"module"}',
      "src/server/main.ts": `import { createServer } from "node:http";
        const server = createServer((request, response) => response.end(request.headers.cookie ?? "ok"));
        server.keepAliveTimeout = 30;
        server.listen(Number(process.env.PORT), process.env.HOST);`,
    });
    for (let round = 0; round < 40; round += 1) {
      if (round % 4 === 0) await runtime.freeze(environment);
      await new Promise((resolve) => setTimeout(resolve, (round % 8) * 10));
      const reply = await askHost(gateway.port, HOST, "/", round % 2 === 0 ? {} : { method: "POST", body: "x" });
      expect(reply.status, `round ${round}`).toBe(200);
    }
  });
});

describe("sleep", () => {
  it("freezes an environment without requests and wakes it for the next, with its state", async () => {
    const environment = await serve(ECHO);
    await reopen({ idleMs: 100 });
    const before = JSON.parse((await askHost(gateway.port, HOST)).body) as { pid: number };
    await expect.poll(async () => (await runtime.observe(environment)).state).toBe("frozen");
    expect(JSON.parse((await askHost(gateway.port, HOST)).body)).toMatchObject({ pid: before.pid, count: 2 });
  });

  it("never freezes one with a request under way, or one whose database says no", async () => {
    const environment = await serve(SLOW);
    await reopen({ idleMs: 50 });
    expect((await askHost(gateway.port, HOST, "/slow")).status).toBe(200);
    const asked: string[] = [];
    await runtime.thaw(environment);
    await reopen({ idleMs: 50, mayFreeze: (id) => Promise.resolve(asked.push(id) > 2) });
    await askHost(gateway.port, HOST);
    await expect.poll(async () => (await runtime.observe(environment)).state).toBe("frozen");
    expect(asked).toEqual([environment, environment, environment]);
  });

  it("starts a stopped environment once for all who wait for it", async () => {
    const environment = await serve(ECHO);
    await runtime.stop(environment);
    const replies = await Promise.all(Array.from({ length: 10 }, async () => await askHost(gateway.port, HOST)));
    const pids = new Set(replies.map(({ body }) => (JSON.parse(body) as { pid: number }).pid));
    expect(pids.size).toBe(1);
  });

  it("answers 502 with the reason, once for all, when the app cannot be started", async () => {
    const environment = "env_a" as EnvironmentId;
    const artifact = await putApp(artifacts, { "package.json": '{"type":"module"}', "src/server/main.ts": "process.exit(3)" });
    await expect(
      runtime.ensure({ id: environment, project: "prj_x" as ProjectId, apps: [{ slug: "blog", artifact, env: {} }] }),
    ).rejects.toMatchObject({ code: "app-not-ready" });
    await gateway.setRoutes({ place: PLACE, epoch: 1, routes: [{ host: HOST, environment, app: "blog" }] });
    const replies = await Promise.all(Array.from({ length: 5 }, async () => await askHost(gateway.port, HOST)));
    for (const reply of replies) expect([reply.status, reply.headers["x-adorable-reason"]]).toEqual([502, "app-not-ready"]);
  });
});

describe("a hold", () => {
  const id = "hold_a" as HoldId;

  it("drains what is under way, keeps new requests waiting, and lets them on to the new environment", async () => {
    await serve(SLOW);
    const old = (await askHost(gateway.port, HOST)).body;
    const slow = askHost(gateway.port, HOST, "/slow");
    const order: string[] = [];
    slow.then(
      () => order.push("slow"),
      () => undefined,
    );
    await expect.poll(async () => (await askHost(gateway.port, HOST, "/begun")).body, { interval: 10 }).toBe("1");
    await gateway.hold(PLACE, id, { budgetMs: 5000, drainMs: 3000 });
    await slow;
    const waiting = askHost(gateway.port, HOST);
    waiting.then(
      () => order.push("waiting"),
      () => undefined,
    );
    await serve(SLOW, "env_b", 2);
    order.push("flipped");
    await gateway.resume(id);
    await gateway.resume(id);
    const { body, status } = await waiting;
    expect(status).toBe(200);
    expect(body).not.toBe(old);
    expect(order).toEqual(["slow", "flipped", "waiting"]);
  });

  it("returns after the drain bound with requests still under way, which end as they would", async () => {
    await serve(SLOW);
    await askHost(gateway.port, HOST);
    const slow = askHost(gateway.port, HOST, "/slow");
    await expect.poll(async () => (await askHost(gateway.port, HOST, "/begun")).body, { interval: 10 }).toBe("1");
    await gateway.hold(PLACE, id, { budgetMs: 5000, drainMs: 50 });
    expect((await slow).status).toBe(200);
  });

  it("answers 503 after its budget, also to those who come later, and keeps on over a restart", async () => {
    await serve(ECHO);
    await gateway.hold(PLACE, id, { budgetMs: 150, drainMs: 100 });
    const early = await askHost(gateway.port, HOST);
    expect([early.status, early.headers["x-adorable-reason"]]).toEqual([503, "place-held"]);
    expect(Number(early.headers["retry-after"])).toBeGreaterThan(0);
    await reopen();
    expect((await askHost(gateway.port, HOST)).status).toBe(503);
    await gateway.resume(id);
    expect((await askHost(gateway.port, HOST)).status).toBe(200);
  });
});

describe("a restricted place", () => {
  it("opens to a one-time link and its session only, and the app never sees the session", async () => {
    const environment = await serve(ECHO);
    await gateway.setRoutes({ place: PLACE, epoch: 2, restricted: true, routes: [{ host: HOST, environment, app: "blog" }] });
    expect((await askHost(gateway.port, HOST)).status).toBe(401);
    const link = await gateway.mintAccess(PLACE);
    const opened = await askHost(gateway.port, HOST, link);
    expect([opened.status, opened.headers.location]).toEqual([303, "/"]);
    const cookie = (opened.headers["set-cookie"]?.[0] ?? "").split(";")[0] ?? "";
    const reply = await askHost(gateway.port, HOST, "/", { headers: { cookie: `theme=dark; ${cookie}` } });
    expect(reply.status).toBe(200);
    expect((JSON.parse(reply.body) as { headers: Record<string, string> }).headers["cookie"]).toBe("theme=dark");
    expect((await askHost(gateway.port, HOST, link)).status).toBe(401);
    await reopen();
    expect((await askHost(gateway.port, HOST, "/", { headers: { cookie } })).status).toBe(200);
    expect((await askHost(gateway.port, HOST, "/", { headers: { cookie: cookie.replace(/\d/, "9") } })).status).toBe(401);
    await expect(gateway.mintAccess("proj_other")).rejects.toMatchObject({ code: "place-unknown" });
  });
});
