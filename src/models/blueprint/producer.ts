/**
 * The blueprint model as a producer: the next tool calls, from what was called so far.
 *
 * | step            | holds when                                     | calls                    |
 * |-----------------|------------------------------------------------|--------------------------|
 * | look            | nothing was listed or written                  | list_files               |
 * | refuse          | a file to change is not as it was generated    | answer                   |
 * | write           | files of the change are not written            | write_file, some at once |
 * | delete          | files of the old app are not deleted           | delete_file              |
 * | migrate         | the change has a migration that is not applied | apply_migrations         |
 * | check           | all of the above is done                       | check                    |
 * | finish          | the check found nothing                        | done                     |
 */
import { createHash } from "node:crypto";
import type { LanguageModelV4Prompt } from "@ai-sdk/provider";
import { readPromptSection } from "../prompt-sections.ts";
import { handEditedAnswer } from "./answers.ts";
import { planChange, type AppFacts, type Change, type RequestFacts } from "./change.ts";
import { asRecord, readConversation, type Conversation } from "./conversation.ts";

export type Step = { text: string } | { calls: { tool: string; input: Record<string, unknown> }[] };

const FILES_PER_STEP = 8;
const CHARACTERS_PER_STEP = 60_000;

export function nextStep(prompt: LanguageModelV4Prompt): Step {
  const app = readPromptSection(prompt, "App") as AppFacts | undefined;
  const request = readPromptSection(prompt, "Request") as RequestFacts | undefined;
  const startedAt = readPromptSection(prompt, "Started at");
  if (app === undefined || request === undefined || typeof startedAt !== "string")
    return { text: "The prompt has no request, no app or no time: there is nothing to build." };
  const conversation = readConversation(prompt);
  // A new app's folder has no model of it; whatever the task is called, the request decides what it becomes.
  const planned = planChange(request, [app], new Date(startedAt), { building: app.slug });
  if (planned.kind === "answer") return call("answer", { answer: planned.text });
  return advance(planned.change, conversation);
}

function advance(change: Change, conversation: Conversation): Step {
  if (conversation.reopened !== undefined)
    return {
      text: `The gates found faults in what was generated, which is a fault of the blueprint:\n${conversation.reopened.join("\n")}`,
    };
  const failed = conversation.calls.find((past) => !past.ok);
  if (failed !== undefined) return { text: `${failed.tool} failed, and the blueprint has no other way: ${String(failed.output)}` };

  const written = done(conversation, "write_file", conversation.progress.written);
  const deleted = done(conversation, "delete_file", conversation.progress.deleted);
  const listing = conversation.calls.find((past) => past.tool === "list_files");
  if (listing === undefined && written.size === 0 && deleted.size === 0) return call("list_files", {});

  const writes = [...change.after].filter(([path, content]) => change.before.get(path) !== content);
  const deletes = [...change.before.keys()].filter((path) => !change.after.has(path));
  if (listing !== undefined && written.size === 0 && deleted.size === 0) {
    const touched = editedByHand(change, [...writes.map(([path]) => path), ...deletes], readListing(listing.output));
    if (touched.length > 0) return call("answer", { answer: handEditedAnswer(change.appName, touched) });
  }

  const batch = nextBatch(writes.filter(([path]) => !written.has(path)));
  if (batch.length > 0) return { calls: batch.map(([path, content]) => ({ tool: "write_file", input: { path, content } })) };
  const remaining = deletes.filter((path) => !deleted.has(path));
  if (remaining.length > 0) return { calls: remaining.map((path) => ({ tool: "delete_file", input: { path } })) };

  const migrated = conversation.progress.migrations.length > 0 || conversation.calls.some((past) => past.tool === "apply_migrations");
  if (change.migrates && !migrated) return call("apply_migrations", {});

  const check = conversation.calls.findLast((past) => past.tool === "check");
  const checked = check === undefined ? conversation.progress.checked : asRecord(check.output)["ok"] === true;
  if (checked === undefined) return call("check", {});
  if (!checked)
    return {
      text: `The check found faults in what was generated, which is a fault of the blueprint: ${JSON.stringify(check?.output ?? "")}`,
    };
  return call("done", { summary: change.summary });
}

/** Files of the change that stand on the disk with another content than the old app was generated with. */
function editedByHand(change: Change, paths: string[], present: ReadonlyMap<string, string>): string[] {
  return paths.filter((path) => {
    const there = present.get(path);
    const generated = change.before.get(path);
    if (there === undefined) return generated !== undefined;
    return generated === undefined ? there !== sha256(change.after.get(path) ?? "") : there !== sha256(generated);
  });
}

/** Path → SHA-256 from the answer of `list_files`. */
function readListing(output: unknown): Map<string, string> {
  const files = asRecord(output)["files"];
  const entries = (Array.isArray(files) ? files : []).map((file: unknown) => asRecord(file));
  return new Map(
    entries.flatMap(({ path, sha256: digest }) =>
      typeof path === "string" && typeof digest === "string" ? [[path, digest] as const] : [],
    ),
  );
}

function done(conversation: Conversation, tool: string, remembered: readonly string[]): Set<string> {
  const paths = conversation.calls.flatMap((past) =>
    past.tool === tool && past.ok && typeof past.input["path"] === "string" ? [past.input["path"]] : [],
  );
  return new Set([...remembered, ...paths]);
}

function nextBatch(writes: [string, string][]): [string, string][] {
  const batch: [string, string][] = [];
  let characters = 0;
  for (const write of writes) {
    characters += write[1].length;
    if (batch.length > 0 && (batch.length === FILES_PER_STEP || characters > CHARACTERS_PER_STEP)) break;
    batch.push(write);
  }
  return batch;
}

function call(tool: string, input: Record<string, unknown>): Step {
  return { calls: [{ tool, input }] };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
