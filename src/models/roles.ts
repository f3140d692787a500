/** The roles that a model can have, and the settings that choose one for each. */
export const MODEL_ROLES = ["architect", "producer", "analyst"] as const;
export type ModelRole = (typeof MODEL_ROLES)[number];

/** The environment variable that sets the model of a role. */
export function modelSetting(role: ModelRole): string {
  return `ADORABLE_MODEL_${role.toUpperCase()}`;
}
