/** The blueprint model as an architect: the same change that the producer will make, as a plan; or an answer. */
import type { LanguageModelV4Prompt } from "@ai-sdk/provider";
import { readPromptSection } from "../prompt-sections.ts";
import { planChange, type AppFacts, type RequestFacts } from "./change.ts";
import { asRecord } from "./conversation.ts";

/** The form that the architect's prompt asks for (`plan/draft.ts`). */
interface Answer {
  outcome: "plan" | "answer";
  answer: string | null;
  plan: unknown;
}

export function answerArchitect(prompt: LanguageModelV4Prompt): Answer {
  const request = readPromptSection(prompt, "Request") as RequestFacts | undefined;
  const apps = asRecord(readPromptSection(prompt, "Project"))["apps"] as AppFacts[] | undefined;
  const startedAt = readPromptSection(prompt, "Started at");
  if (request === undefined || apps === undefined || typeof startedAt !== "string") {
    return { outcome: "answer", answer: "The blueprint model plans apps. It does not answer other questions.", plan: null };
  }
  const planned = planChange(request, apps, new Date(startedAt));
  if (planned.kind === "answer") return { outcome: "answer", answer: planned.text, plan: null };
  const { change } = planned;
  const app = change.kind === "create" ? `$NEW:${change.slug}` : change.slug;
  return {
    outcome: "plan",
    answer: null,
    plan: {
      title: change.title.slice(0, 120),
      summary: change.summary.slice(0, 2000),
      createsApps: change.kind === "create" ? [{ feature: change.slug, slug: change.slug, name: change.appName }] : [],
      contracts: [{ app, procedures: change.contract.procedures, tables: change.contract.tables }],
      tasks: [{ id: change.slug, title: change.title.slice(0, 120), app, scope: ["**"], acceptance: change.acceptance }],
    },
  };
}
