/** What a runner's session may bring, and what people's browsers make of it. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Hono } from "hono";
import { createControlPlaneApp } from "../../src/control-plane-app.ts";
import { driveRuns } from "../../src/change/dispatch.ts";
import type { Evidence } from "../../src/core/evidence.ts";
import { newId, type CommitId, type RequestId, type RunId, type TreeId } from "../../src/core/ids.ts";
import { findArtifacts, listEvidence, saveEvidence } from "../../src/store/evidence.ts";
import { advanceRequest, saveRequest } from "../../src/store/requests.ts";
import { advanceRun, createRun, findRun } from "../../src/store/runs.ts";
import { openControlPlane, type ControlPlane } from "../support/control-plane.ts";

const TREE = "a".repeat(40) as TreeId;
const COMMIT = "b".repeat(40) as CommitId;
const TOKEN = `adr_${"x".repeat(43)}`;

describe("a verify run", () => {
  let plane: ControlPlane;
  let app: Hono;
  let run: RunId;
  beforeAll(async () => {
    plane = await openControlPlane();
    app = createControlPlaneApp(plane.platform, "t".repeat(32));
  });
  afterAll(() => plane?.[Symbol.asyncDispose]());

  beforeEach(async () => {
    const { store } = plane.platform;
    const { id: project_id, full_name: fullName, clone_url: cloneUrl } = await plane.project();
    run = newId<RunId>("run");
    await createRun(store, {
      id: run,
      project_id,
      kind: "verify",
      request_id: null,
      change_id: null,
      assignment: {
        kind: "verify",
        runId: run,
        repository: { fullName, cloneUrl, defaultBranch: "main" },
        baseCommit: COMMIT,
        headCommit: COMMIT,
        tree: TREE,
      },
    });
    await store.rows("update runs set session_digest = null");
    await advanceRun(store, run, "queued", "running", {
      session_digest: createHash("sha256").update(TOKEN).digest("hex"),
      session_expires_at: new Date(Date.now() + 60_000),
    });
  });

  const call = (path: string, method: string, body: string) =>
    app.request(`/runner/v1${path}`, { method, body, headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" } });
  const evidence = (digest?: string): Evidence => ({
    gate: "browse",
    conclusion: "success",
    title: "Green",
    summary: "",
    annotations: [],
    files: digest === undefined ? [] : [{ name: "page", contentType: "image/png", digest }],
    durationMs: 1,
  });
  const result = (artifacts: Record<string, string>, digest?: string) =>
    call("/result", "POST", JSON.stringify({ kind: "verify", tree: TREE, evidence: [evidence(digest)], artifacts }));

  test("names only files that a run of its own project brought", async () => {
    const { artifacts, store } = plane.platform;
    const { id } = await plane.project();
    const foreign = await artifacts.put(Readable.from([Buffer.from("another project's")]));
    expect((await result({ blog: foreign })).status).toBe(401);
    expect((await result({}, foreign)).status).toBe(401);
    expect(await findArtifacts(store, id, TREE)).toEqual({});
    expect(await listEvidence(store, id, TREE)).toEqual([]);

    const { digest } = (await (await call("/files", "PUT", "its own")).json()) as { digest: string };
    expect((await result({ blog: digest }, digest)).status).toBe(204);
    expect(await findArtifacts(store, id, TREE)).toEqual({ blog: digest });
    expect((await findRun(store, run))?.state).toBe("done");
  });

  test("is told when it sends more than is read into memory", async () => {
    expect((await call("/events", "POST", `[${" ".repeat(17 * 1024 * 1024)}]`)).status).toBe(413);
  });

  test("brings pictures in which no script runs", async () => {
    const { artifacts, store } = plane.platform;
    const digest = await artifacts.put(
      Readable.from([Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")]),
    );
    const file = { name: "page", contentType: "image/svg+xml", digest };
    await saveEvidence(store, (await plane.project()).id, TREE, { ...evidence(), files: [file] });
    const answer = await app.request(`/evidence/${digest.replace("sha256:", "")}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-security-policy")).toMatch(/default-src 'none'.*sandbox/);
  });

  test("of work ends when its request was stopped while it was being planned", async () => {
    const { store } = plane.platform;
    const project = await plane.project();
    const request = newId<RequestId>("req");
    const { id: project_id } = project;
    const of = { source: "issue:1", item_number: 1, verb: "prompt", argument: null, prompt: "A blog", requester: "ada" };
    await saveRequest(store, { id: request, project_id, change_id: null, ...of });
    await advanceRequest(store, request, "received", "cancelled");
    const work = newId<RunId>("run");
    const assignment = (await findRun(store, run))?.assignment as NonNullable<Awaited<ReturnType<typeof findRun>>>["assignment"];
    await advanceRun(store, run, "running", "done");
    await createRun(store, { id: work, project_id, kind: "work", request_id: request, change_id: null, assignment });

    await driveRuns(plane.platform, project);

    expect((await findRun(store, work))?.state).toBe("cancelled");
  });
});
