/** How the pages say no: a heading, a sentence and an advice for people, GitHub's shape for programs that lost their way. */
import type { Context } from "hono";
import { Fault, type FieldError } from "../faults.ts";

const HEADINGS: Record<number, string> = {
  401: "Not logged in",
  403: "Not allowed",
  404: "Not found",
  405: "Not possible",
  409: "Not possible any more",
  413: "Too large",
  422: "Not possible",
  500: "Something failed",
};

const ADVICE: Record<number, string> = {
  401: "One-time links are made by whoever runs the forge; “adorable up” prints one each time it starts.",
  403: "Nothing was changed. Ask an owner of the repository for access if you need it.",
  404: "Check the address. A private repository is shown to those only who were given access and are logged in.",
  405: "Nothing was changed. The page before says what stands in the way.",
  409: "Nothing was changed. Go back: the page shows how things are now.",
  413: "Nothing was changed. Send less, or push it with git.",
  422: "Nothing was changed. Go back and change what the sentence above names.",
  500: "Nothing was lost that you had sent before. Try again; if it stays, tell whoever runs the forge.",
};

/** GitHub's words for programs, and ours for people. */
const SENTENCES: Record<string, string> = {
  "Not Found": "There is no such page, or you may not see it.",
  "Must have push access to repository": "You may read and comment here. This takes write access to the repository.",
  "Must have admin rights to Repository.": "This takes admin access to the repository.",
  "Requires authentication": "You are not logged in.",
  "Pull Request is not mergeable": "This pull request is closed, or its branch conflicts with its base: it cannot be merged.",
  "Head sha didn't match expected head sha": "Something was pushed since you opened the page. Look at what changed and try again.",
  "Pull Request is still a draft": "This pull request is still a draft: it cannot be merged.",
  "This branch can't be rebased": "The commits of this branch cannot be put onto the base one by one. Merge or squash it instead.",
  "Head branch was modified. Review and try the merge again.":
    "Something was pushed since you opened the page. Look at what changed and merge again.",
  "Base branch was modified. Review and try the merge again.": "The base branch moved meanwhile. Look again and merge again.",
  "This pull request could not be automatically reverted. It may have already been reverted, or a more recent commit may have updated some of its content.":
    "It cannot be taken back by itself: it was taken back already, or later changes build on it.",
  "Cannot cancel a workflow run that is completed.": "The run has ended meanwhile.",
  "This workflow run is already running": "The run is not at its end yet: it can be run again after that.",
};

export function refusal(error: unknown): { status: number; heading: string; text: string; advice: string } {
  if (!(error instanceof Fault))
    return {
      status: 500,
      heading: "Something failed",
      text: "Something failed here. The forge's log says what.",
      advice: ADVICE[500] ?? "",
    };
  const text =
    error.errors === undefined || error.errors.length === 0
      ? (SENTENCES[error.message] ?? error.message.replace("Repository rule violations found", "").trim())
      : error.errors.map(fieldSentence).join(" ");
  return { status: error.status, heading: HEADINGS[error.status] ?? "Not possible", text, advice: ADVICE[error.status] ?? "" };
}

function fieldSentence(error: FieldError | string): string {
  if (typeof error === "string") return error;
  const { field = "form", code, message } = error;
  if (message !== undefined) return `${message[0]?.toUpperCase()}${message.slice(1).replace(/\.?$/, ".")}`;
  if (code === "missing" || code === "missing_field") return `The ${field} is missing.`;
  return code === "already_exists" ? `There is already such a ${field}.` : `The ${field} is not valid.`;
}

/** A client of the API that left out `/api/v3`, or asks for a part of it that is not there. */
export function isProgram(c: Context): boolean {
  const accept = c.req.header("accept") ?? "";
  return !accept.includes("text/html") && (accept.includes("json") || c.req.header("authorization") !== undefined);
}
