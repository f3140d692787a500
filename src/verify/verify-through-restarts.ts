/** A verification that a restart of the control plane has no say in: what failed while it was away is found out again. */
import { join } from "node:path";
import { AdorableError } from "../core/errors.ts";
import type { VerifyResult } from "../core/runner-protocol.ts";
import { runVerify, type VerifyClient, type VerifyOptions } from "./run-verify.ts";

/** A control plane that is killed over and over shall not make a tree red; one that is lost for good shall not be asked for ever. */
const ATTEMPTS = 6;

/**
 * `runVerify`, repeated from the start when a gate is red and the control plane or a database behind it was lost on the way: red would be said of
 * the tree for good. The last attempt counts as it is.
 */
export async function verifyThroughRestarts(options: VerifyOptions, attempts = ATTEMPTS): Promise<VerifyResult> {
  for (let attempt = 1; ; attempt += 1) {
    const watched = watch(options.client);
    const mayRepeat = (): boolean => watched.isDisturbed() && attempt < attempts && options.signal?.aborted !== true;
    try {
      const result = await runVerify({ ...options, client: watched.client, workDir: join(options.workDir, String(attempt)) });
      if (result.evidence.every(({ conclusion }) => conclusion === "success") || !mayRepeat()) return result;
    } catch (error) {
      if (!mayRepeat()) throw error;
    }
  }
}

function watch(client: VerifyClient): { client: VerifyClient; isDisturbed(): boolean } {
  let isDisturbed = false;
  const note = (): void => void (isDisturbed = true);
  const guard =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await call(...args);
      } catch (error) {
        if (AdorableError.isInstance(error) && error.remedy === "wait") note();
        throw error;
      }
    };
  return {
    client: {
      sql: { ...client.sql, onLost: note },
      database: guard((...args) => client.database(...args)),
      putFile: guard((...args) => client.putFile(...args)),
    },
    isDisturbed: () => isDisturbed,
  };
}
