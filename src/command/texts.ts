/** Every comment and description that the platform writes, from `templates/comments/` and a view. The texts are the platform's; quoted parts are marked as such. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Handlebars from "handlebars";
import { HELPERS } from "./text-helpers.ts";
import type {
  ImpactView,
  OrdinaryRevertView,
  OvertakenView,
  PullRequestView,
  ReleaseProblemView,
  ReleaseView,
  RequestView,
} from "./view.ts";

const FOLDER = join(import.meta.dirname, "../../templates/comments");

const COMMANDS = [
  {
    write: "add a blog app",
    meaning: "have it planned, built, verified and opened as a pull request; on a pull request, to have it changed further",
  },
  { write: "plan …", meaning: "have it planned only" },
  { write: "approve <plan hash>", meaning: "have exactly that plan built" },
  { write: "status", meaning: "see what was asked for here and how far it is" },
  { write: "stop", meaning: "stop what is running here; what was done is kept" },
  { write: "retry", meaning: "try the last failed request again" },
  { write: "code+data", meaning: "choose, on the revert of a release, that code and data go back" },
  { write: "code-only", meaning: "choose, on the revert of a release, that the code alone goes back" },
  { write: "rollback", meaning: "have a pull request opened that restores the release before; with a number behind it, that release" },
  { write: "help", meaning: "read this" },
];

const templates = new Map<string, Handlebars.TemplateDelegate>();

/** The sticky comment of a request. */
export function requestText(view: RequestView): string {
  return render("request", view);
}

export function helpText(botName: string): string {
  return render("help", { botName, commands: COMMANDS });
}

/** The description of a pull request that the platform opens. */
export function pullRequestText(view: PullRequestView): string {
  return render("pull-request", view);
}

/** The impact statement on a pull request that restores a release. */
export function impactText(view: ImpactView): string {
  return render("impact", view);
}

/** On a revert that restores no release. */
export function ordinaryRevertText(view: OrdinaryRevertView): string {
  return render("ordinary-revert", view);
}

/** What went live: for the GitHub Release and the pull request. */
export function releaseText(view: ReleaseView): string {
  return render("release", view);
}

/** The end of a commit in whose place a later one is released. */
export function overtakenText(view: OvertakenView): string {
  return render("overtaken", view);
}

export function releaseProblemText(view: ReleaseProblemView): string {
  return render("release-problem", view);
}

function render(name: string, view: object): string {
  let template = templates.get(name);
  if (template === undefined) {
    const handlebars = Handlebars.create();
    handlebars.registerHelper(HELPERS);
    // Markdown, not HTML: the helpers escape, and a test sees to it that every value passes one.
    template = handlebars.compile(readFileSync(join(FOLDER, `${name}.hbs`), "utf8"), { strict: true, noEscape: true });
    templates.set(name, template);
  }
  const text = template(view, { allowProtoPropertiesByDefault: false });
  return `${text.replaceAll(/\n{3,}/g, "\n\n").trim()}\n`;
}
