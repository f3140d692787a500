/** Routes of labels, assignees and the events of an issue. */
import { z } from "zod";
import { changeAssignees } from "../assignees.ts";
import type { ForgeCore } from "../core.ts";
import { findIssue } from "../issue-changes.ts";
import { readIssues } from "../issues.ts";
import * as labels from "../labels.ts";
import type { Label, Repository } from "../records.ts";
import { issueEventsJson, timelineJson } from "../serialize/issue-events.ts";
import { issueJson, labelJson } from "../serialize/issues.ts";
import { bodyOf, listAnswer, numberParam, pageOf, repositoryOf, slice, textParam, type Api, type Call } from "./http.ts";
import { labelNames } from "./issues.ts";

const labelList = z.union([z.object({ labels: labelNames.default([]) }).transform((body) => body.labels), labelNames]);
const newLabel = z.object({ name: z.string(), color: hexColor(), description: z.string().nullish() });
const labelEdit = z.object({ new_name: z.string().optional(), color: hexColor(), description: z.string().nullish() });

/** GitHub wants none, and takes what people paste. */
function hexColor() {
  return z
    .string()
    .transform((color) => color.replace(/^#/, ""))
    .optional();
}

export function labelRoutes(core: ForgeCore, api: Api): void {
  const reading = (c: Call): Repository => {
    const repository = repositoryOf(core, c);
    readIssues(core, c.get("actor"), repository);
    return repository;
  };
  const all = (c: Call, repository: Repository, found: Label[]): Response =>
    c.json(found.map((label) => labelJson(core, repository, label)));
  const change = (c: Call, wanted: labels.LabelChange): Response => {
    const repository = repositoryOf(core, c);
    return all(c, repository, labels.changeLabels(core, c.get("actor"), repository, numberParam(c, "number"), wanted));
  };
  const issue = "/repos/:owner/:repo/issues/:number";

  api.get(`${issue}/labels`, (c) => {
    const repository = reading(c);
    const found = core.state.labelsOf(findIssue(core, repository, numberParam(c, "number")).id);
    return listAnswer(core, c, slice(found, pageOf(c)), (label) => labelJson(core, repository, label));
  });
  api.post(`${issue}/labels`, async (c) => change(c, { add: await bodyOf(c, labelList) }));
  api.put(`${issue}/labels`, async (c) => change(c, { set: await bodyOf(c, labelList) }));
  api.delete(`${issue}/labels`, (c) => {
    change(c, { set: [] });
    return c.body(null, 204);
  });
  api.delete(`${issue}/labels/:name`, (c) => change(c, { remove: textParam(c, "name") }));

  const assignees = z.object({ assignees: z.array(z.string()).default([]) });
  api.post(`${issue}/assignees`, async (c) => {
    const repository = repositoryOf(core, c);
    const { assignees: add } = await bodyOf(c, assignees);
    return c.json(issueJson(core, repository, changeAssignees(core, c.get("actor"), repository, numberParam(c, "number"), { add })), 201);
  });
  api.delete(`${issue}/assignees`, async (c) => {
    const repository = repositoryOf(core, c);
    const { assignees: remove } = await bodyOf(c, assignees);
    return c.json(issueJson(core, repository, changeAssignees(core, c.get("actor"), repository, numberParam(c, "number"), { remove })));
  });

  api.get(`${issue}/events`, (c) => {
    const repository = reading(c);
    const found = issueEventsJson(core, repository, findIssue(core, repository, numberParam(c, "number")));
    return listAnswer(core, c, slice(found, pageOf(c)), (event) => event);
  });
  api.get(`${issue}/timeline`, (c) => {
    const repository = reading(c);
    const found = timelineJson(core, repository, findIssue(core, repository, numberParam(c, "number")));
    return listAnswer(core, c, slice(found, pageOf(c)), (event) => event);
  });

  const path = "/repos/:owner/:repo/labels";
  api.get(path, (c) => {
    const repository = reading(c);
    return listAnswer(core, c, core.state.labels(repository.id, pageOf(c)), (label) => labelJson(core, repository, label));
  });
  api.post(path, async (c) => {
    const repository = repositoryOf(core, c);
    return c.json(labelJson(core, repository, labels.createLabel(core, c.get("actor"), repository, await bodyOf(c, newLabel))), 201);
  });
  api.get(`${path}/:name`, (c) => {
    const repository = reading(c);
    return c.json(labelJson(core, repository, labels.findLabel(core, repository, textParam(c, "name"))));
  });
  api.patch(`${path}/:name`, async (c) => {
    const repository = repositoryOf(core, c);
    const { new_name: name, ...fields } = await bodyOf(c, labelEdit);
    const edited = labels.editLabel(core, c.get("actor"), repository, textParam(c, "name"), {
      ...fields,
      ...(name === undefined ? {} : { name }),
    });
    return c.json(labelJson(core, repository, edited));
  });
  api.delete(`${path}/:name`, (c) => {
    labels.deleteLabel(core, c.get("actor"), repositoryOf(core, c), textParam(c, "name"));
    return c.body(null, 204);
  });
}
