/** What the blueprint model says where it builds nothing: what it understood, what it can do, and what to configure for more. */
import { modelSetting } from "../roles.ts";

const CAN_DO = `What I can do:
- make an app for kinds of records that belong together: \`add an app to track plants with name, species and last watered date\`, \`a library: books with title, year and price; each book has an author\`, \`inventory of tools: name, price, condition (new, used, broken)\`
- make one of the apps that I know by heart: a blog, a todo list, a guestbook, an expense splitter, an RSVP list, an inventory
- change an app that I made: \`add a status (open, done), default open, to tasks\`, \`add comments to posts\`, \`rename title to headline\`, \`make email required\`, \`change price to a whole number\`, \`remove the phone field\``;

const CONFIGURE = `I am the built-in model, which works from blueprints. For anything else, have the operator configure a language model: set \`${modelSetting("architect")}\` and \`${modelSetting("producer")}\`.`;

export function beyondAnswer(options: { reason: string; understood: string; hint?: string | undefined }): string {
  const understood = options.understood === "" ? "" : ` I understood that you want ${options.understood}.`;
  return `I did not build this: ${options.reason}.${options.hint === undefined ? "" : ` ${options.hint}`}${understood}\n\n${CAN_DO}\n\n${CONFIGURE}`;
}

export function handEditedAnswer(app: string, paths: readonly string[]): string {
  const list = paths.slice(0, 20).map((path) => `- \`${path}\``);
  const more = paths.length > 20 ? [`- and ${paths.length - 20} more`] : [];
  return `I did not change the app "${app}": these files are not as I generate them, so somebody edited them (or an older version of me wrote them), and I would overwrite that.\n\n${[...list, ...more].join("\n")}\n\nMake the change by hand, or restore these files first. ${CONFIGURE}`;
}

/** A question back, with the choices. */
export function whichAnswer(question: string, choices: readonly string[], example: string): string {
  const list = choices.length === 0 ? "There is no app in this project yet." : choices.map((choice) => `- ${choice}`).join("\n");
  return `${question}\n\n${list}\n\nFor example: \`${example}\``;
}

/** Everything that was asked for is so already. */
export function alreadyAnswer(facts: readonly string[]): string {
  return `There is nothing to change: ${facts.join("; ")}. I changed nothing.`;
}
