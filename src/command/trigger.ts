/** From a delivery to the command in it: which text spoke, where, and under which key it is handled once. */
import type { Delivery, DeliveryEnvelope } from "../github/delivery.ts";
import type { Account, ReactionTarget, RepositoryName } from "../github/github.ts";
import { type Mention, parseMention } from "./mention.ts";

export interface Trigger {
  /** The same for every delivery of the same text: `comment:123`, `review:5`, `review-comment:7`, `issue:4`; an edit's own is `edit:…`. */
  key: string;
  repository: RepositoryName;
  repositoryId: number;
  sender: Account;
  /** Of the issue or pull request. */
  number: number;
  isPullRequest: boolean;
  title: string;
  mention: Mention;
  /** ISO 8601, when the text was written: what was created or edited later is not part of what was asked. */
  at: string;
  url: string;
  reactTo: ReactionTarget;
  /** The line under review. */
  context?: { path: string; line?: number };
  /** The text came by editing: it is refused, so that nobody commands in another's name or after the fact. */
  isEdit: boolean;
}

/** The command that a delivery carries; undefined when nobody spoke to us, or we spoke ourselves (`ownLogin`). */
export function triggerOf(delivery: Delivery, options: { botName: string; ownLogin: string }): Trigger | undefined {
  if (delivery.event === "ignored" || delivery.repository === undefined) return undefined;
  if (delivery.sender.login === options.ownLogin) return undefined;
  const spoken = spokenText(delivery);
  if (spoken === undefined) return undefined;
  const mention = parseMention(spoken.text, options.botName);
  if (mention === undefined) return undefined;

  const { textBefore, ...place } = spoken;
  const isEdit = delivery.action === "edited";
  // An edit that leaves the command as it was asks for nothing new.
  if (isEdit && isSame(mention, parseMention(textBefore ?? spoken.text, options.botName))) return undefined;
  const key = isEdit ? `edit:${place.key}:${place.at}` : place.key;
  const { text: _, ...rest } = place;
  return {
    ...rest,
    key,
    repository: delivery.repository.fullName,
    repositoryId: delivery.repository.id,
    sender: delivery.sender,
    mention,
    isEdit,
  };
}

type Spoken = Omit<Trigger, "repository" | "repositoryId" | "sender" | "mention" | "isEdit"> & {
  text: string;
  textBefore: string | undefined;
};

function spokenText(delivery: Exclude<Delivery, { event: "ignored" }>): Spoken | undefined {
  switch (delivery.event) {
    case "issues": {
      if (!isSpeech(delivery, "opened")) return undefined;
      const { issue, changes } = delivery;
      return {
        ...ofIssue(issue, delivery.action),
        title: issue.title,
        isPullRequest: false,
        text: issue.body,
        textBefore: changes.bodyBefore,
      };
    }
    case "pull_request": {
      if (!isSpeech(delivery, "opened")) return undefined;
      const { pullRequest, changes } = delivery;
      const { title, body } = pullRequest;
      return { ...ofIssue(pullRequest, delivery.action), title, isPullRequest: true, text: body, textBefore: changes.bodyBefore };
    }
    case "issue_comment": {
      if (!isSpeech(delivery, "created")) return undefined;
      const { issue, comment, changes } = delivery;
      return {
        key: `comment:${comment.id}`,
        number: issue.number,
        isPullRequest: issue.isPullRequest,
        title: issue.title,
        at: delivery.action === "edited" ? comment.updatedAt : comment.createdAt,
        url: comment.url,
        reactTo: { kind: "comment", id: comment.id },
        text: comment.body,
        textBefore: changes.bodyBefore,
      };
    }
    case "pull_request_review": {
      if (!isSpeech(delivery, "submitted")) return undefined;
      const { pullRequest, review, changes } = delivery;
      return {
        key: `review:${review.id}`,
        number: pullRequest.number,
        isPullRequest: true,
        title: pullRequest.title,
        at: review.submittedAt ?? pullRequest.updatedAt,
        url: review.url,
        reactTo: { kind: "issue", number: pullRequest.number },
        text: review.body,
        textBefore: changes.bodyBefore,
      };
    }
    case "pull_request_review_comment": {
      if (!isSpeech(delivery, "created")) return undefined;
      const { pullRequest, comment, changes } = delivery;
      return {
        key: `review-comment:${comment.id}`,
        number: pullRequest.number,
        isPullRequest: true,
        title: pullRequest.title,
        at: delivery.action === "edited" ? comment.updatedAt : comment.createdAt,
        url: comment.url,
        reactTo: { kind: "review-comment", id: comment.id },
        context: { path: comment.path, ...(comment.line === undefined ? {} : { line: comment.line }) },
        text: comment.body,
        textBefore: changes.bodyBefore,
      };
    }
    default:
      return undefined;
  }
}

function isSpeech(delivery: DeliveryEnvelope, action: string): boolean {
  return delivery.action === action || delivery.action === "edited";
}

function ofIssue(issue: { number: number; createdAt: string; updatedAt: string; url: string }, action: string) {
  return {
    key: `issue:${issue.number}`,
    number: issue.number,
    at: action === "edited" ? issue.updatedAt : issue.createdAt,
    url: issue.url,
    reactTo: { kind: "issue" as const, number: issue.number },
  };
}

function isSame(a: Mention, b: Mention | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
