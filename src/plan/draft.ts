/** What the architect answers: an answer in words, or a draft of a plan in which apps that do not exist yet are called `$NEW:<feature>`. */
import { z } from "zod";

const appReference = z.string().describe("The slug of an existing app, or $NEW:<feature> for an app that this plan creates.");

export const draftPlanSchema = z.object({
  title: z.string().describe("What the change does, as the title of a pull request."),
  summary: z.string().describe("What people will get, in a few sentences."),
  createsApps: z.array(
    z.object({
      feature: z.string().describe("Names the app within this plan: lower case, digits and -."),
      slug: z.string(),
      name: z.string(),
    }),
  ),
  contracts: z.array(
    z.object({
      app: appReference,
      procedures: z.array(z.object({ name: z.string(), type: z.enum(["query", "mutation"]) })),
      tables: z.array(z.string()),
    }),
  ),
  tasks: z.array(
    z.object({ id: z.string(), title: z.string(), app: appReference, scope: z.array(z.string()), acceptance: z.array(z.string()) }),
  ),
});
export type DraftPlan = z.infer<typeof draftPlanSchema>;

export const architectAnswerSchema = z.object({
  outcome: z.enum(["plan", "answer"]),
  /** Set when `outcome` is `answer`. */
  answer: z.string().nullable(),
  /** Set when `outcome` is `plan`. */
  plan: draftPlanSchema.nullable(),
});
export type ArchitectAnswer = z.infer<typeof architectAnswerSchema>;
