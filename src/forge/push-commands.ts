/** Reads from the start of a push which refs it wants to move, and holds that against the rules of the branches before git takes it. */
import { once } from "node:events";
import type { Readable } from "node:stream";
import type { Actor } from "./auth.ts";
import { forbidsForce, violationsOf } from "./branch-rules.ts";
import type { ForgeCore } from "./core.ts";
import { Fault } from "./faults.ts";
import type { Repository } from "./records.ts";
import { repositoryPage } from "./serialize/repositories.ts";

export interface PushCommand {
  before: string;
  after: string;
  /** Full. */
  ref: string;
}

const MAX_HEAD_BYTES = 4 * 1024 * 1024;

/** What was read has to be given to git first; the rest is still in `body`. Throws 400 for what is no push, 413 for one of too many refs. */
export async function readCommands(body: Readable): Promise<{ commands: PushCommand[]; read: Buffer }> {
  let read = Buffer.alloc(0);
  let at = 0;
  const commands: PushCommand[] = [];
  const take = (): boolean => {
    while (read.length >= at + 4) {
      const text = read.subarray(at, at + 4).toString("latin1");
      if (!/^[0-9a-f]{4}$/.test(text)) throw new Fault(400, "The push could not be read.");
      const length = Number.parseInt(text, 16);
      if (length < 4) return true;
      if (read.length < at + length) return false;
      const [line = ""] = read
        .subarray(at + 4, at + length)
        .toString("utf8")
        .replace(/\n$/, "")
        .split("\0", 1);
      const [, before = "", after = "", ref = ""] = /^([0-9a-f]{40}) ([0-9a-f]{40}) (.+)$/.exec(line) ?? [];
      if (ref !== "") commands.push({ before, after, ref });
      at += length;
    }
    return false;
  };
  for (;;) {
    const chunk = body.read() as Buffer | null;
    if (chunk !== null) {
      read = Buffer.concat([read, chunk]);
      if (take()) return { commands, read };
      if (read.length > MAX_HEAD_BYTES) throw new Fault(413, "The push names too many refs.");
    } else if (body.readableEnded || body.destroyed) {
      return { commands, read };
    } else {
      await Promise.race([once(body, "readable"), once(body, "end"), once(body, "close")]);
    }
  }
}

/** For the hook that git runs when it has the objects: what was decided, and what only it can decide. */
export function verdictOn(core: ForgeCore, actor: Actor, repository: Repository, commands: readonly PushCommand[]): Record<string, string> {
  const judged = commands.map((command) => ({ ...command, ...violationsOf(core, actor, repository, { ...command, isForced: false }) }));
  const said = (messages: readonly string[]): string => messages.map((message) => `- ${message}`).join("\n\n");
  const refusal = (ref: string, messages: readonly string[]): string =>
    `error: GH013: Repository rule violations found for ${ref}.\nReview all repository rules at ${repositoryPage(core, repository)}/settings\n\n${said(messages)}\n`;
  const refused = judged.filter((one) => one.refused.length > 0);
  const bypassed = judged.filter((one) => one.bypassed.length > 0);
  return {
    FORGE_HAS_RULES: "1",
    FORGE_MOVES: judged.map(({ after, ref }) => `${after} ${ref}`).join("\n"),
    FORGE_REFUSAL: refused.map((one) => refusal(one.ref, one.refused)).join("\n"),
    FORGE_NOTICE: bypassed.map(({ ref, bypassed: messages }) => `Bypassed rule violations for ${ref}:\n\n${said(messages)}\n`).join("\n"),
    FORGE_UNFORCED: commands
      .filter(({ ref }) => forbidsForce(core, actor, repository, ref))
      .map(({ ref }) => ref)
      .join("\n"),
  };
}
