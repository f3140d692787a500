/** The shape of a route's template, by which the forge's routes and those in GitHub's description are matched: their parameters' names differ. */

/** `/repos/:owner/:repo/git/ref/:ref{.+}` and `/repos/{owner}/{repo}/git/ref/{ref}` are one shape. */
export function shapeOf(template: string): string {
  return template.replaceAll(/:\w+(\{[^}]*\})?|\{\w+\}/g, "{}");
}
