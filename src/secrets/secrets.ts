/** The secret store port. Paths are `<project>/<name>`; values never reach git, logs or comments. */
export interface SecretStore {
  /** Throws `secret-unknown` (operator). */
  read(path: string): Promise<string>;
  write(path: string, value: string): Promise<void>;
  /** Idempotent. */
  destroy(path: string): Promise<void>;
  /** Paths below the prefix. */
  list(prefix: string): Promise<string[]>;
}
