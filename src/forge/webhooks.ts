/**
 * Writes webhook deliveries in the transaction of the change that they tell, and sends them after it.
 *
 * | state   | invariant                                              | exits                          |
 * |---------|--------------------------------------------------------|--------------------------------|
 * | pending | stored; perhaps on its way; sent again after a restart | answered, refused or timed out |
 * | done    | its one attempt is recorded; never sent again          | a redelivery is a new row      |
 */
import { randomUUID } from "node:crypto";
import { timestamp, type ForgeCore } from "./core.ts";
import type { Account, App, Delivery, Installation, Repository } from "./records.ts";
import { installationJson, signature } from "./serialize/actions.ts";
import { nodeId, userJson, type Json } from "./serialize/common.ts";
import { repositoryJson } from "./serialize/repositories.ts";

/** GitHub gives a receiver ten seconds. */
const TIMEOUT_MS = 10_000;
const MAX_IN_FLIGHT = 8;
const MAX_RESPONSE_CHARACTERS = 10_000;

/** What Apps can listen to. The two about installations are told to all of them. */
export const EVENTS = [
  "check_run",
  "check_suite",
  "create",
  "delete",
  "deployment",
  "deployment_status",
  "installation",
  "installation_repositories",
  "issue_comment",
  "issues",
  "label",
  "member",
  "merge_group",
  "pull_request",
  "pull_request_review",
  "pull_request_review_comment",
  "push",
  "release",
  "repository",
  "status",
  "workflow_dispatch",
  "workflow_job",
  "workflow_run",
] as const;

/** Queues an event of a repository for every App that is installed on it and listens. Call it inside the transaction of the change. */
export function emit(core: ForgeCore, repository: Repository, event: string, sender: Account, body: Json & { action?: string }): void {
  for (const installation of core.state.installationsOn(repository.id)) emitBy(core, repository, installation, event, sender, body);
}

/** As `emit`, for one App alone. */
export function emitTo(core: ForgeCore, repository: Repository, appId: number, event: string, sender: Account, body: Json): void {
  const installation = core.state.installationOf(appId, repository.id);
  if (installation !== undefined) emitBy(core, repository, installation, event, sender, body);
}

function emitBy(core: ForgeCore, repository: Repository, installation: Installation, event: string, sender: Account, body: Json): void {
  const app = core.state.app(installation.appId);
  if (app === undefined || !hears(app, event)) return;
  const whole = {
    ...body,
    repository: repositoryJson(core, repository),
    sender: userJson(core, sender),
    installation: { id: installation.id, node_id: nodeId("MDI", installation.id) },
  };
  queue(core, app, installation, event, whole, repository.id);
}

/** As on GitHub, an App that writes checks hears of them without asking to. */
function hears(app: App, event: string): boolean {
  return app.events.includes(event) || (/^check_(run|suite)$/.test(event) && app.permissions["checks"] === "write");
}

/** Queues an event about an App's installation itself; every App hears these. */
export function emitInstallation(
  core: ForgeCore,
  event: string,
  installation: Installation,
  sender: Account,
  body: Json & { action: string },
): void {
  const app = core.state.app(installation.appId);
  if (app === undefined) return;
  queue(
    core,
    app,
    installation,
    event,
    { ...body, installation: installationJson(core, installation), sender: userJson(core, sender) },
    null,
  );
}

function queue(core: ForgeCore, app: App, installation: Installation, event: string, payload: Json, repositoryId: number | null): void {
  if (app.webhookUrl === null) return;
  const action = typeof payload["action"] === "string" ? payload["action"] : null;
  const text = JSON.stringify({ ...(action === null ? {} : { action }), ...payload });
  core.db.insert("deliveries", {
    guid: randomUUID(),
    appId: app.id,
    installationId: installation.id,
    repositoryId,
    event,
    action,
    url: app.webhookUrl,
    isRedelivery: false,
    payload: text,
    state: "pending",
    createdAt: timestamp(),
  });
  core.observer?.told({ event, action, payload: text });
  core.db.afterCommit(() => core.wakeHooks());
}

/** A new attempt of a delivery, with the same GUID. */
export function redeliver(core: ForgeCore, delivery: Delivery): void {
  const { guid, appId, installationId, repositoryId, event, action, payload } = delivery;
  const url = core.state.app(appId)?.webhookUrl ?? delivery.url;
  core.db.insert("deliveries", {
    guid,
    appId,
    installationId,
    repositoryId,
    event,
    action,
    payload,
    url,
    isRedelivery: true,
    state: "pending",
    createdAt: timestamp(),
  });
  core.wakeHooks();
}

export interface HookSender {
  wake(): void;
  /** Stops sending; what was on its way stays pending. */
  close(): Promise<void>;
}

export function createHookSender(core: () => ForgeCore): HookSender {
  const inFlight = new Map<number, Promise<void>>();
  const stop = new AbortController();

  function wake(): void {
    if (stop.signal.aborted) return;
    const pending = core().db.all<Delivery>("select * from deliveries where state = 'pending' order by id limit 200");
    for (const delivery of pending) {
      if (inFlight.size >= MAX_IN_FLIGHT) return;
      if (inFlight.has(delivery.id)) continue;
      const sending = send(core(), delivery, stop.signal).finally(() => {
        inFlight.delete(delivery.id);
        wake();
      });
      inFlight.set(delivery.id, sending);
    }
  }

  return {
    wake,
    async close() {
      stop.abort();
      await Promise.allSettled(inFlight.values());
    },
  };
}

async function send(core: ForgeCore, delivery: Delivery, stop: AbortSignal): Promise<void> {
  const secret = core.state.app(delivery.appId)?.webhookSecret ?? null;
  const headers: Record<string, string> = {
    accept: "*/*",
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/forge",
    "x-github-delivery": delivery.guid,
    "x-github-event": delivery.event,
    "x-github-hook-id": String(delivery.appId),
    "x-github-hook-installation-target-id": String(delivery.appId),
    "x-github-hook-installation-target-type": "integration",
    ...(secret === null
      ? {}
      : {
          "x-hub-signature": signature("sha1", secret, delivery.payload),
          "x-hub-signature-256": signature("sha256", secret, delivery.payload),
        }),
  };
  const startedAt = performance.now();
  const outcome = await attempt(delivery, headers, stop);
  if (stop.aborted && outcome.statusCode === 0) return;
  core.db.update("deliveries", delivery.id, {
    ...outcome,
    state: "done",
    requestHeaders: headers,
    durationSeconds: Math.round(performance.now() - startedAt) / 1000,
    deliveredAt: timestamp(),
  });
}

async function attempt(delivery: Delivery, headers: Record<string, string>, stop: AbortSignal) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(delivery.url, {
      method: "POST",
      headers,
      body: delivery.payload,
      redirect: "manual",
      signal: AbortSignal.any([timeout, stop]),
    });
    const responseBody = (await response.text()).slice(0, MAX_RESPONSE_CHARACTERS);
    const status = response.ok ? "OK" : `Invalid HTTP Response: ${response.status}`;
    return { statusCode: response.status, status, responseBody, responseHeaders: Object.fromEntries(response.headers) };
  } catch {
    if (stop.aborted) return { statusCode: 0, status: "interrupted" };
    return timeout.aborted ? { statusCode: 504, status: "timed out" } : { statusCode: 502, status: "failed to connect to host" };
  }
}
