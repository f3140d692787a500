/** What arrives at the webhook address: only what GitHub signed counts, once, whenever it comes and in whatever order. */
import { createHmac, randomUUID } from "node:crypto";
import { request } from "node:http";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { importPKCS8, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../src/demo/check.ts";
import { createPerson, type Person } from "../../src/demo/people.ts";
import { APP_SLUG } from "../../src/one-machine/one-machine.ts";
import { botSays, createProject, openPlace, openPull, project, push, stored, type Place } from "../story/place.ts";

interface Delivery {
  id: number;
  guid: string;
  event: string;
  action: string | null;
  redelivery: boolean;
  status_code: number;
}

describe("a webhook", () => {
  let place: Place;
  let repository: string;
  let secret: string;
  /** The App's own view of what was delivered to it. */
  let app: Person;

  beforeAll(async () => {
    place = await openPlace();
    repository = await createProject(place, "hooks");
    ({ webhookSecret: secret } = JSON.parse(await readFile(join(place.machine.dataDir, "memory.json"), "utf8")) as {
      webhookSecret: string;
    });
    const pem = await readFile(join(place.machine.dataDir, "control/app.pem"), "utf8");
    const { id } = await place.ada.call<{ id: number }>("GET", `/apps/${APP_SLUG}`);
    const jwt = await new SignJWT({})
      .setProtectedHeader({ alg: "RS256" })
      .setIssuer(String(id))
      .setIssuedAt()
      .setExpirationTime("9m")
      .sign(await importPKCS8(pem, "RS256"));
    app = createPerson(place.machine.urls.api, "app", jwt);
  });
  afterAll(() => place?.close());

  async function send(payload: unknown, options: { guid?: string; event?: string; signature?: string | null } = {}): Promise<number> {
    const body = typeof payload === "string" ? payload : JSON.stringify(payload);
    const { guid = randomUUID(), event = "issue_comment", signature = sign(body, secret) } = options;
    const response = await fetch(`${place.machine.urls.controlPlane}/webhooks`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": guid,
        ...(signature === null ? {} : { "x-hub-signature-256": signature }),
      },
      body,
    });
    return response.status;
  }

  function sign(body: string, key: string): string {
    return `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
  }

  async function sent(event: string, action: string, matches: (payload: any) => boolean): Promise<{ delivery: Delivery; payload: any }> {
    return eventually(`GitHub has sent ${event} ${action}`, async () => {
      for (const delivery of await app.call<Delivery[]>("GET", "/app/hook/deliveries?per_page=100")) {
        if (delivery.event !== event || delivery.action !== action || delivery.status_code !== 200) continue;
        const { request } = await app.call<{ request: { payload: unknown } }>("GET", `/app/hook/deliveries/${delivery.id}`);
        if (matches(request.payload)) return { delivery, payload: request.payload };
      }
      return undefined;
    });
  }

  /** A real one, of a comment that spoke to us. */
  async function comment(body = "@adorable help"): Promise<{ item: number; id: number; payload: any; delivery: Delivery }> {
    const item = (await place.ada.openIssue(repository, "An issue", "")).number;
    const { id } = await place.ada.comment(repository, item, body);
    return { item, id, ...(await sent("issue_comment", "created", (payload) => payload.comment.id === id)) };
  }

  async function count(table: "deliveries" | "requests", where: string, values: unknown[]): Promise<number> {
    return (await stored<{ n: number }>(place, `select count(*)::int as n from ${table} where ${where}`, values))[0]?.n ?? 0;
  }

  async function handled(guid: string): Promise<{ state: string; note: string | null }> {
    return eventually("the delivery is handled", async () => {
      const rows = await stored<{ state: string; note: string | null }>(
        place,
        "select state, note from deliveries where id = $1 and state <> 'received'",
        [guid],
      );
      return rows[0];
    });
  }

  test("without a signature, with a wrong one or with one of another body is refused and leaves no trace", async () => {
    const { payload } = await comment();
    const guid = randomUUID();
    const forged = { ...payload, comment: { ...payload.comment, id: 999, body: "@adorable add a blog app" } };

    const statuses = [
      await send(forged, { guid, signature: null }),
      await send(forged, { guid, signature: "sha256=" }),
      await send(forged, { guid, signature: sign(JSON.stringify(forged), "development") }),
      await send(forged, { guid, signature: sign(JSON.stringify(payload), secret) }),
      await send(forged, { guid, signature: sign(JSON.stringify(forged), secret).replace("sha256=", "sha1=") }),
    ];

    expect(statuses.filter((status) => status < 400 || status >= 500)).toEqual([]);
    expect(await count("deliveries", "id = $1", [guid])).toBe(0);
    expect(await count("requests", "source = 'comment:999'", [])).toBe(0);
  });

  test("that is signed and yet not as GitHub documents it is refused, and the platform goes on", async () => {
    const guid = randomUUID();

    expect(await send("no JSON", { guid })).toBeGreaterThanOrEqual(400);
    expect(await send({ action: "created" }, { guid })).toBeGreaterThanOrEqual(400);
    expect(await count("deliveries", "id = $1", [guid])).toBe(0);
    expect((await fetch(`${place.machine.urls.controlPlane}/health`)).status).toBe(200);
  });

  test("that is larger than GitHub's ever are, or does not say how large it is, is refused unread", async () => {
    const answered = async (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const sending = request(`${place.machine.urls.controlPlane}/webhooks`, { method: "POST", headers });
        sending.once("response", (response) => (resolve(response.statusCode), sending.destroy())).once("error", reject);
        sending.flushHeaders();
      });
    expect(await answered({ "transfer-encoding": "chunked" })).toBe(411);
    expect(await answered({ "content-length": String(26 * 1024 * 1024) })).toBe(413);
  });

  test("of a repository without the app is stored and ends as failed, with the reason", async () => {
    const { payload } = await comment();
    const guid = randomUUID();

    expect(
      await send({ ...payload, repository: { ...payload.repository, id: 987_654, name: "none", full_name: "nobody/none" } }, { guid }),
    ).toBe(200);
    expect(await handled(guid)).toMatchObject({ state: "failed", note: expect.stringContaining("nobody/none") });
    expect(await place.operator.project("nobody/none")).toBeUndefined();
  });

  test("that comes twice at once has one effect", async () => {
    const { payload, item } = await comment("Nothing yet.");
    const guid = randomUUID();
    const spoken = { ...payload, comment: { ...payload.comment, id: payload.comment.id, body: "@adorable help" } };

    expect(await Promise.all([1, 2, 3, 4].map(() => send(spoken, { guid })))).toEqual([200, 200, 200, 200]);
    await botSays(place, repository, item, /understands/);

    expect(await count("deliveries", "id = $1", [guid])).toBe(1);
    expect(await count("requests", "source = $1", [`comment:${payload.comment.id}`])).toBe(1);
  });

  test("that GitHub delivers again has no second effect, under the same id or another", async () => {
    const { delivery, payload, item, id } = await comment();
    await botSays(place, repository, item, /understands/);
    const comments = await place.ada.comments(repository, item);

    await app.call("POST", `/app/hook/deliveries/${delivery.id}/attempts`);
    await eventually("the redelivery was answered", async () =>
      (await app.call<Delivery[]>("GET", "/app/hook/deliveries?per_page=100")).find(
        (one) => one.guid === delivery.guid && one.redelivery && one.status_code === 200,
      ),
    );
    const other = randomUUID();
    await send(payload, { guid: other });
    await handled(other);

    expect(await count("deliveries", "id = $1", [delivery.guid])).toBe(1);
    expect(await count("requests", "source = $1", [`comment:${id}`])).toBe(1);
    expect(await place.ada.comments(repository, item)).toEqual(comments);
  });

  test("that comes late does not bring back what it tells of", async () => {
    await push(place, repository, { from: "main", branch: "typo", change: { "NOTES.md": "Notes.\n" } });
    const number = await openPull(place, repository, "typo");
    const { payload } = await sent("pull_request", "opened", (one) => one.pull_request.number === number);
    await place.ada.call("PATCH", `/repos/${repository}/pulls/${number}`, { state: "closed" });
    const stateOf = async (): Promise<string | undefined> =>
      (await project(place, repository)).changes.find((change) => change.pull_number === number)?.state;
    await eventually("the change is closed", async () => ((await stateOf()) === "closed" ? true : undefined));

    const guid = randomUUID();
    await send(payload, { guid, event: "pull_request" });
    await handled(guid);

    expect(await stateOf()).toBe("closed");
  });
});
