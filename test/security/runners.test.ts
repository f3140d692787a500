/** Who may speak for a run: the job that was dispatched for it, once, and about nothing but that run. */
import { writeFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, importPKCS8, SignJWT, type JWTPayload } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "../../src/demo/check.ts";
import { gitText } from "../../src/process/git.ts";
import { botSays, createProject, openPlace, project, stored, type Place } from "../story/place.ts";

/** A caller file of a person's own making: its job keeps the identity that it was given, and reports nothing. */
const WAITING = (kept: string): string => `name: Adorable
on:
  workflow_dispatch:
    inputs:
      run-id: { required: true, type: string }
      phase: { required: true, type: string }
      control-plane: { required: true, type: string }
permissions: {}
jobs:
  run:
    runs-on: ubuntu-latest
    permissions: { contents: read, id-token: write }
    steps:
      - run: |
          node -e '
            const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = process.env;
            const response = await fetch(url + "&audience=adorable", { headers: { authorization: "bearer " + token } });
            fs.writeFileSync("${kept}", (await response.json()).value);
            setTimeout(() => {}, 600000);
          ' --input-type=module
`;

interface Waiting {
  repository: string;
  item: number;
  run: string;
  /** What its job was given. */
  token: string;
  claims: JWTPayload;
}

describe("the runner API", () => {
  let place: Place;
  let alpha: Waiting;
  let beta: Waiting;
  let sign: (claims: JWTPayload, change?: (token: SignJWT) => SignJWT) => Promise<string>;
  let ours: { job_workflow_ref: string; job_workflow_sha: string };
  let session: { alpha: string; beta: string };
  let used: string;

  beforeAll(async () => {
    place = await openPlace();
    const sqlite = new DatabaseSync(join(place.machine.dataDir, "forge/forge.sqlite"), { readOnly: true });
    const pem = String(sqlite.prepare("select value from meta where key = 'oidc-key'").get()?.["value"]);
    sqlite.close();
    const key = await importPKCS8(pem, "RS256", { extractable: true });
    const { kty, n, e } = await exportJWK(key);
    const kid = await calculateJwkThumbprint({ kty, n, e } as Parameters<typeof calculateJwkThumbprint>[0]);
    sign = (claims, change = (token) => token) =>
      change(new SignJWT({ ...claims, jti: crypto.randomUUID() }).setProtectedHeader({ alg: "RS256", kid, typ: "JWT" })).sign(key);
    const { object } = await place.ada.call<{ object: { sha: string } }>("GET", "/repos/adorable/platform/git/ref/heads/main");
    ours = { job_workflow_ref: "adorable/platform/.github/workflows/run.yml@refs/heads/main", job_workflow_sha: object.sha };
    [alpha, beta] = [await waiting("alpha"), await waiting("beta")];
  });
  afterAll(() => place?.close());

  /** A project whose request was dispatched, and whose runner does not come. */
  async function waiting(name: string): Promise<Waiting> {
    const kept = join(place.dir, `${name}.token`);
    writeFileSync(kept, "");
    const repository = await createProject(place, name, { ".github/workflows/adorable.yml": WAITING(kept) });
    const { number: item } = await place.ada.openIssue(repository, "A blog", "@adorable add a blog app");
    const { id } = (await project(place, repository)).project;
    const run = await eventually("the run is dispatched", async () => {
      const rows = await stored<{ id: string }>(place, "select id from runs where project_id = $1 and state = 'dispatched'", [id]);
      return rows[0]?.id;
    });
    const token = await eventually("the job has its identity", async () => (await readFile(kept, "utf8")) || undefined);
    return { repository, item, run, token, claims: decodeJwt(token) };
  }

  async function call(path: string, options: { session?: string; method?: string; body?: BodyInit; json?: unknown } = {}) {
    const response = await fetch(`${place.machine.urls.controlPlane}/runner/v1${path}`, {
      method: options.method ?? "POST",
      headers: {
        ...(options.session === undefined ? {} : { authorization: `Bearer ${options.session}` }),
        ...(options.json === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(options.json === undefined ? { body: options.body ?? null } : { body: JSON.stringify(options.json) }),
    });
    const text = await response.text();
    const answer = (text === "" ? {} : JSON.parse(text)) as {
      token?: string;
      error?: { code: string; message: string };
      database?: string;
      id?: string;
    };
    return { status: response.status, ...answer };
  }

  const open = (oidcToken: string, runId: string) => call("/session", { json: { oidcToken, runId } });

  async function stateOf(run: string): Promise<string | undefined> {
    return (await stored<{ state: string }>(place, "select state from runs where id = $1", [run]))[0]?.state;
  }

  async function refusedTunnel(token: string | undefined, database: string): Promise<number> {
    const url = `${place.machine.urls.controlPlane.replace("http", "ws")}/runner/v1/sql?database=${database}`;
    const webSocket = new WebSocket(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
    return new Promise((resolve, reject) => {
      webSocket.on("open", () => (webSocket.terminate(), resolve(101)));
      webSocket.on("unexpected-response", (_request, response) => (response.resume(), resolve(response.statusCode ?? 0)));
      webSocket.on("error", reject);
    });
  }

  test("refuses the identity of a job whose workflow is a person's own, however real it is", async () => {
    expect(await open(alpha.token, alpha.run)).toMatchObject({
      status: 401,
      error: { code: "runner-denied", message: expect.stringContaining("is not the platform's") },
    });
    expect(await stateOf(alpha.run)).toBe("dispatched");
  });

  test.each<[string, JWTPayload, string]>([
    ["another issuer", { iss: "https://token.actions.githubusercontent.com" }, "CLAIM"],
    ["another audience", { aud: "https://github.com/ada" }, "CLAIM"],
    ["a time that is over", { iat: seconds(-3600), nbf: seconds(-3600), exp: seconds(-1800) }, "EXPIRED"],
    ["an issue long ago, valid still", { iat: seconds(-3600), exp: seconds(3600) }, "EXPIRED"],
    ["a time to come", { iat: seconds(3000), nbf: seconds(3000), exp: seconds(4000) }, "CLAIM"],
    ["another repository", { repository_id: "424242" }, "repository_id"],
    ["another event", { event_name: "pull_request" }, "event_name"],
    ["another branch", { ref: "refs/heads/adorable/issue-1" }, "ref"],
    ["another workflow", { job_workflow_ref: "ada/alpha/.github/workflows/run.yml@refs/heads/main" }, "is not the platform's"],
    [
      "a workflow with a name like ours",
      { job_workflow_ref: "adorable/platform/.github/workflows/run.ymlx@refs/heads/main" },
      "is not the platform's",
    ],
    ["an unknown commit of our workflow", { job_workflow_sha: "0".repeat(40) }, "not in the list"],
    ["another workflow run", { run_id: "999999" }, "is not the one that was dispatched"],
  ])("refuses a token of %s", async (_what, change, why) => {
    const answer = await open(await sign({ ...alpha.claims, ...ours, ...change }), alpha.run);

    expect(answer).toMatchObject({ status: 401, error: { code: "runner-denied", message: expect.stringContaining(why) } });
    expect(await stateOf(alpha.run)).toBe("dispatched");
  });

  test("refuses a token that the issuer did not sign, or nobody", async () => {
    const { privateKey } = await generateKeyPair("RS256");
    const claims = { ...alpha.claims, ...ours };
    const own = await new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "mine" }).sign(privateKey);
    const [header, body] = (await sign(claims)).split(".");
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body ?? ""}.`;
    const shared = await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode("x".repeat(32)));

    for (const token of [own, none, shared, `${header ?? ""}.${body ?? ""}.`, "", "token"]) {
      expect(await open(token, alpha.run)).toMatchObject({ status: 401, error: { code: "runner-denied" } });
    }
    expect(await stateOf(alpha.run)).toBe("dispatched");
  });

  test("refuses a token for another run than its own, and for none", async () => {
    const token = await sign({ ...alpha.claims, ...ours });

    expect((await open(token, beta.run)).status).toBe(401);
    expect((await open(token, "run_none")).status).toBe(401);
    expect((await call("/session", { json: { runId: alpha.run } })).status).toBe(422);
    expect((await call("/session", { body: "{" })).status).toBe(422);
  });

  test("opens one session for the right one, and refuses its replay and a second one", async () => {
    used = await sign({ ...alpha.claims, ...ours });
    const opened = await open(used, alpha.run);
    expect(opened.status).toBe(200);
    const other = await open(await sign({ ...beta.claims, ...ours }), beta.run);
    session = { alpha: opened.token ?? "", beta: other.token ?? "" };

    expect(await open(used, alpha.run)).toMatchObject({ status: 401, error: { message: expect.stringContaining("used before") } });
    expect(await open(await sign({ ...alpha.claims, ...ours }), alpha.run)).toMatchObject({
      status: 401,
      error: { message: expect.stringContaining("has its session") },
    });
  });

  test("refuses calls without a session, with an invented one and with the OIDC token instead", async () => {
    for (const token of [undefined, "adr_0123456789012345678901234567890123456789012", used]) {
      const options = token === undefined ? {} : { session: token };
      expect((await call("/events", { ...options, json: [] })).status).toBe(401);
      expect((await call("/bundle", { ...options, method: "PUT", body: "x" })).status).toBe(401);
      expect((await call("/files", { ...options, method: "PUT", body: "x" })).status).toBe(401);
      expect((await call("/databases", { ...options, json: { apps: [], of: "timeline" } })).status).toBe(401);
    }
  });

  test("lets a session reach the databases of its run and no other", async () => {
    const own = await call("/databases", { session: session.alpha, json: { apps: ["blog"], of: "timeline" } });
    const others = await call("/databases", { session: session.beta, json: { apps: ["blog"], of: "timeline" } });
    const fork = await call("/databases", { session: session.beta, json: { apps: ["blog"], of: "fork" } });
    expect([own.status, others.status, fork.status]).toEqual([200, 200, 200]);

    expect(await refusedTunnel(session.alpha, own.database ?? "")).toBe(101);
    for (const database of [others.database ?? "", fork.database ?? "", "postgres", "", "proj_x", "../x"])
      expect(await refusedTunnel(session.alpha, database)).toBe(401);
    expect(await refusedTunnel(undefined, own.database ?? "")).toBe(401);
  });

  test("does not let a session restore a snapshot of another run", async () => {
    const { id = "" } = await call("/snapshots", { session: session.beta, json: { note: "mine" } });

    expect(await call(`/snapshots/${id}/restore`, { session: session.alpha })).toMatchObject({
      status: 409,
      error: { code: "snapshot-foreign" },
    });
    expect((await call(`/snapshots/${id}/restore`, { session: session.beta })).status).toBe(200);
  });

  test("refuses a model role that does not exist, a call that is none, and gates in the name of work", async () => {
    expect(await call("/model/emperor", { session: session.alpha, json: { options: {} } })).toMatchObject({
      status: 401,
      error: { message: expect.stringContaining('"emperor"') },
    });
    expect((await call("/model/producer", { session: session.alpha, json: { options: {} } })).status).toBeGreaterThanOrEqual(400);
    expect((await call("/events", { session: session.alpha, json: [{ type: "victory" }] })).status).toBe(422);
    expect(
      (await call("/result", { session: session.alpha, json: { kind: "verify", tree: "x", evidence: [], artifacts: {} } })).status,
    ).toBe(401);
    expect(await stateOf(alpha.run)).toBe("running");
  });

  test("refuses a bundle over 64 MiB and keeps nothing of it", async () => {
    const body = new Uint8Array(64 * 1024 * 1024 + 1);

    expect(await call("/bundle", { session: session.alpha, method: "PUT", body })).toMatchObject({
      status: 413,
      error: { code: "too-large" },
    });
    expect(await readdir(join(place.machine.dataDir, "control/bundles"))).toEqual([]);
  });

  test("a bundle that touches workflows fails its request, on the comment, and nothing is pushed", async () => {
    const { bytes, commit } = await bundle(alpha, ".github/workflows/evil.yml");
    expect((await call("/bundle", { session: session.alpha, method: "PUT", body: bytes })).status).toBe(204);
    const result = { kind: "work", outcome: "changed", commit, title: "Harmless", summary: "Nothing to see." };
    expect((await call("/result", { session: session.alpha, json: result })).status).toBe(204);

    await botSays(place, alpha.repository, alpha.item, /\.github\/workflows\/evil\.yml/);
    expect(await place.ada.pulls(alpha.repository)).toEqual([]);
    const branches = await place.ada.call<{ name: string }[]>("GET", `/repos/${alpha.repository}/branches`);
    expect(branches.map((branch) => branch.name)).toEqual(["main"]);
    // The result was the session's last word.
    expect((await call("/events", { session: session.alpha, json: [] })).status).toBe(401);
  });

  test("a job that ends without a result fails its request, on the comment, and its session dies", async () => {
    await place.ada.call("POST", `/repos/${beta.repository}/actions/runs/${String(beta.claims["run_id"])}/cancel`);

    await botSays(place, beta.repository, beta.item, /without reporting a result/);
    expect((await call("/events", { session: session.beta, json: [] })).status).toBe(401);
  });

  test("gives the session anew to the job whose answer was lost, by the nonce that it chose, and to nobody else", async () => {
    const { claims, run } = await waiting("gamma");
    const oidcToken = await sign({ ...claims, ...ours });
    const ask = (nonce?: string, token = oidcToken) =>
      call("/session", { json: { oidcToken: token, runId: run, ...(nonce === undefined ? {} : { nonce }) } });
    const nonce = "a-nonce-of-its-own-choice";
    const lost = await ask(nonce);
    const again = await ask(nonce);
    expect([lost.status, again.status]).toEqual([200, 200]);

    for (const other of [undefined, "some-other-nonce-of-another"]) {
      expect(await ask(other)).toMatchObject({ status: 401, error: { message: expect.stringContaining("used before") } });
    }
    expect((await ask(nonce, await sign({ ...claims, ...ours }))).status).toBe(401);
    expect((await call("/events", { session: lost.token ?? "", json: [] })).status).toBe(401);
    expect((await call("/events", { session: again.token ?? "", json: [] })).status).toBe(204);
    const result = { kind: "work", outcome: "answered", answer: "Once." };
    const bring = (json: unknown) => call("/result", { session: again.token ?? "", json });
    expect((await bring(result)).status).toBe(204);

    // Its answer was lost too.
    expect((await bring(result)).status).toBe(204);
    expect((await bring({ ...result, answer: "Twice." })).status).toBe(401);
    expect((await ask(nonce)).status).toBe(401);
    expect((await call("/events", { session: again.token ?? "", json: [] })).status).toBe(401);
  });

  async function bundle(of: Waiting, path: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; commit: string }> {
    const work = await mkdtemp(join(place.dir, "evil-"));
    const token = await place.machine.forge.createUser("ada");
    const config = {
      "http.extraHeader": `Authorization: Basic ${Buffer.from(`ada:${token}`).toString("base64")}`,
      "user.name": "Ada",
      "user.email": "ada@example.org",
    };
    await gitText(["clone", "--quiet", `${place.machine.urls.forge}/${of.repository}.git`, work], { protocols: ["http"], config });
    writeFileSync(join(work, path), "on: push\n");
    await gitText(["add", "--all"], { cwd: work });
    await gitText(["commit", "--quiet", "--message", "Harmless"], { cwd: work, config });
    await gitText(["bundle", "create", "--quiet", join(work, "b.bundle"), "HEAD", "^origin/main"], { cwd: work });
    const made = {
      bytes: new Uint8Array(await readFile(join(work, "b.bundle"))),
      commit: await gitText(["rev-parse", "HEAD"], { cwd: work }),
    };
    await rm(work, { recursive: true });
    return made;
  }
});

function seconds(fromNow: number): number {
  return Math.floor(Date.now() / 1000) + fromNow;
}
