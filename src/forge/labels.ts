/** Labels of repositories, and those on issues and pull requests. */
import { authorizeWrite, type Actor } from "./auth.ts";
import type { ForgeCore } from "./core.ts";
import { Fault, invalid, notFound } from "./faults.ts";
import { changedIssue, findIssue, note, permissionFor } from "./issue-changes.ts";
import type { Account, Issue, Label, Repository } from "./records.ts";
import { labelJson } from "./serialize/issues.ts";
import { emit } from "./webhooks.ts";

const MAX_NAME_CHARACTERS = 50;

export interface LabelFields {
  name: string;
  color?: string | undefined;
  description?: string | null | undefined;
}

/** Throws 422 when there is one of that name. */
export function createLabel(core: ForgeCore, actor: Actor, repository: Repository, wanted: LabelFields): Label {
  const user = authorizeWrite(core, actor, repository, "issues", "write");
  if (core.state.label(repository.id, wanted.name) !== undefined)
    throw invalid({ resource: "Label", field: "name", code: "already_exists" });
  return core.db.transaction(() => ensureLabel(core, repository, user, wanted));
}

/** Throws 422 for a name that another label has. */
export function editLabel(core: ForgeCore, actor: Actor, repository: Repository, name: string, edit: Partial<LabelFields>): Label {
  const user = authorizeWrite(core, actor, repository, "issues", "write");
  const label = findLabel(core, repository, name);
  const other = edit.name === undefined ? undefined : core.state.label(repository.id, edit.name);
  if (other !== undefined && other.id !== label.id) throw invalid({ resource: "Label", field: "name", code: "already_exists" });
  checkLabel({ name, ...edit });
  return core.db.transaction(() => {
    core.db.update("labels", label.id, { name: edit.name, color: edit.color?.toLowerCase(), description: edit.description });
    const edited = findLabel(core, repository, edit.name ?? name);
    const changes = Object.fromEntries(
      (["name", "color", "description"] as const).flatMap((field) =>
        edited[field] === label[field] ? [] : [[field, { from: label[field] ?? "" }]],
      ),
    );
    emit(core, repository, "label", user, { action: "edited", label: labelJson(core, repository, edited), changes });
    return edited;
  });
}

export function deleteLabel(core: ForgeCore, actor: Actor, repository: Repository, name: string): void {
  const user = authorizeWrite(core, actor, repository, "issues", "write");
  const label = findLabel(core, repository, name);
  core.db.transaction(() => {
    emit(core, repository, "label", user, { action: "deleted", label: labelJson(core, repository, label) });
    core.db.run("delete from issueLabels where labelId = ?", label.id);
    core.db.run("delete from labels where id = ?", label.id);
  });
}

export function findLabel(core: ForgeCore, repository: Repository, name: string): Label {
  const label = core.state.label(repository.id, name);
  if (label === undefined) throw notFound();
  return label;
}

function ensureLabel(core: ForgeCore, repository: Repository, user: Account, { name, color = "ededed", description = null }: LabelFields) {
  const known = core.state.label(repository.id, name);
  if (known !== undefined) return known;
  checkLabel({ name, color });
  core.db.insert("labels", { repositoryId: repository.id, name, color: color.toLowerCase(), description });
  const label = findLabel(core, repository, name);
  emit(core, repository, "label", user, { action: "created", label: labelJson(core, repository, label) });
  return label;
}

function checkLabel({ name, color }: Partial<LabelFields>): void {
  if (name !== undefined && (name.trim() === "" || name.length > MAX_NAME_CHARACTERS))
    throw invalid({ resource: "Label", field: "name", code: name.trim() === "" ? "missing_field" : "invalid", value: name });
  if (color !== undefined && !/^[0-9a-f]{6}$/i.test(color))
    throw invalid({ resource: "Label", field: "color", code: "invalid", value: color });
}

/** On the issue before it is told of: one that is just opened. Returns what was put on. */
export function attachLabel(core: ForgeCore, repository: Repository, issueId: number, user: Account, name: string): Label | undefined {
  const label = ensureLabel(core, repository, user, { name });
  const isNew = core.db.run("insert or ignore into issueLabels (issueId, labelId) values (?, ?)", issueId, label.id) > 0;
  return isNew ? label : undefined;
}

/** Inside the transaction of the change: puts labels on and tells of each that was not there. */
export function putLabels(core: ForgeCore, repository: Repository, issue: Issue, user: Account, names: string[]): void {
  for (const name of names) {
    const label = attachLabel(core, repository, issue.id, user, name);
    if (label !== undefined) tell(core, repository, issue, user, label, "labeled");
  }
}

/** Inside the transaction of the change: these labels and no others. */
export function replaceLabels(core: ForgeCore, repository: Repository, issue: Issue, user: Account, names: string[]): void {
  const kept = new Set(names.map((name) => name.toLowerCase()));
  for (const label of core.state.labelsOf(issue.id)) if (!kept.has(label.name.toLowerCase())) takeOff(core, repository, issue, user, label);
  putLabels(core, repository, issue, user, names);
}

export type LabelChange = { add: string[] } | { set: string[] } | { remove: string };

/** The labels that are on it afterwards. Throws 404 for the removal of one that is not on it. */
export function changeLabels(core: ForgeCore, actor: Actor, repository: Repository, number: number, change: LabelChange): Label[] {
  const issue = findIssue(core, repository, number);
  const user = authorizeWrite(core, actor, repository, permissionFor(actor, issue), "triage");
  return core.db.transaction(() => {
    if ("add" in change) putLabels(core, repository, issue, user, change.add);
    else if ("set" in change) replaceLabels(core, repository, issue, user, change.set);
    else {
      const label = core.state.labelsOf(issue.id).find((item) => item.name.toLowerCase() === change.remove.toLowerCase());
      if (label === undefined) throw new Fault(404, "Label does not exist");
      takeOff(core, repository, issue, user, label);
    }
    return core.state.labelsOf(issue.id);
  });
}

function takeOff(core: ForgeCore, repository: Repository, issue: Issue, user: Account, label: Label): void {
  core.db.run("delete from issueLabels where issueId = ? and labelId = ?", issue.id, label.id);
  tell(core, repository, issue, user, label, "unlabeled");
}

function tell(core: ForgeCore, repository: Repository, issue: Issue, user: Account, label: Label, action: "labeled" | "unlabeled"): void {
  note(core, issue.id, action, user, { label: label.name });
  changedIssue(core, repository, issue.id, action, user, { label: labelJson(core, repository, label) });
}
