/** The story's people, places and repeated looks: what every step of it asks. */
import { endpointName, hostLabel } from "../core/names.ts";
import type { OneMachine } from "../one-machine/one-machine.ts";
import { claim, eventually } from "./check.ts";
import type { Operator, ProjectView } from "./operator.ts";
import type { Check, Person, Pull } from "./people.ts";
import type { Reporter } from "./reporter.ts";
import type { Writer } from "./writer.ts";

const PRODUCTION = { kind: "production" } as const;
const GATE_COUNT = 7;

export interface Scene {
  machine: OneMachine;
  operator: Operator;
  ada: Person;
  eve: Person;
  repository: string;
  report: Reporter;
}

export async function view(scene: Scene): Promise<ProjectView> {
  const found = await scene.operator.project(scene.repository);
  if (!found) throw new Error("the control plane does not know the project");
  return found;
}

export async function changeOf(scene: Scene, number: number): Promise<ProjectView["changes"][number]> {
  const change = (await view(scene)).changes.find((one) => one.pull_number === number);
  if (!change) throw new Error(`#${number} is no change`);
  return change;
}

export async function rolloutOf(scene: Scene, release: number): Promise<ProjectView["rollouts"][number]> {
  const rollout = (await view(scene)).rollouts.find((one) => one.data.release === release);
  if (!rollout) throw new Error(`release ${release} has no rollout`);
  return rollout;
}

export async function headChanged(scene: Scene, number: number, sha: string): Promise<Pull | undefined> {
  const pull = await scene.ada.pull(scene.repository, number);
  return pull.head.sha === sha ? undefined : pull;
}

export async function greenChecks(scene: Scene, number: number, note: (text: string) => void, timeoutMs = 300_000): Promise<string> {
  let seen: Check[] = [];
  const checks = await eventually(
    "every gate has ended",
    async () => {
      const pull = await scene.ada.pull(scene.repository, number);
      seen = (await scene.ada.checks(scene.repository, pull.head.sha)).filter((check) => check.name.startsWith("adorable/"));
      note(`${seen.filter((check) => check.status === "completed").length} of ${GATE_COUNT} gates`);
      return seen.length === GATE_COUNT && seen.every((check) => check.status === "completed") ? seen : undefined;
    },
    { timeoutMs, seen: () => seen.map((check) => `${check.name} ${check.status}`).join(", ") },
  );
  const red = checks.filter((check) => check.conclusion !== "success");
  claim(
    red.length === 0,
    `every gate of #${number} is green`,
    red.map((check) => `${check.name}: ${check.output.title ?? ""}\n${check.output.summary ?? ""}`),
  );
  claim(
    checks.some((check) => check.name === "adorable/browse" && /!\[/.test(check.output.summary ?? "")),
    "the browse gate has its screenshot",
  );
  return checks.map((check) => `${check.name.replace("adorable/", "")}: ${check.output.title ?? ""}`).join("\n");
}

/** A request that ended badly ends the story, with its comment. */
export async function failIfFailed(scene: Scene, item: number, note: (text: string) => void): Promise<void> {
  const comment = (await scene.ada.comments(scene.repository, item)).findLast((one) => one.user.type === "Bot");
  note(
    comment?.body
      .split("\n")
      .find((line) => line.trim() !== "" && !line.startsWith("<!--"))
      ?.slice(0, 60) ?? "",
  );
  claim(!comment || !/\*\*(Failed|Timed out|Refused)\*\*/.test(comment.body), "the request does not fail", comment?.body);
}

export async function liveRelease(
  scene: Scene,
  number: number,
  note: (text: string) => void,
  timeoutMs = 300_000,
): Promise<ProjectView["releases"][number]> {
  return eventually(
    `release ${number} is live`,
    async () => {
      const found = await view(scene);
      const rollout = found.rollouts.at(-1);
      note(rollout?.state ?? "");
      claim(!["aborted", "refused"].includes(rollout?.state ?? ""), "the rollout does not fail", rollout?.error);
      return rollout?.state === "live" && rollout.data.release === number ? found.releases.find((one) => one.number === number) : undefined;
    },
    { timeoutMs },
  );
}

/** Every acknowledged write stands in production exactly once. */
export async function checkRows(scene: Scene, writer: Writer): Promise<void> {
  const expected = writer.acknowledged.map((one) => one.title);
  const rows = await scene.operator.query<{ title: string; n: number }>(
    await production(scene),
    "select title, count(*)::int as n from blog.posts group by title",
  );
  const counts = new Map(rows.map((row) => [row.title, row.n]));
  const wrong = expected.filter((title) => counts.get(title) !== 1);
  claim(wrong.length === 0, "every acknowledged write is there once", wrong.slice(0, 5));
}

export async function production(scene: Scene): Promise<ReturnType<typeof endpointName>> {
  return endpointName((await view(scene)).project.id, PRODUCTION);
}

export async function dsnOf(scene: Scene): Promise<string> {
  return (await scene.operator.database.credential(await production(scene), "app_blog")).dsn;
}

export async function productionOf(scene: Scene): Promise<string> {
  return `http://${hostLabel("blog", (await view(scene)).project.id, PRODUCTION)}.localhost:${scene.machine.ports.gateway}`;
}

export async function previewOf(scene: Scene, number: number): Promise<string> {
  return `http://${hostLabel("blog", (await view(scene)).project.id, { kind: "change", number })}.localhost:${scene.machine.ports.gateway}`;
}
