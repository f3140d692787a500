/** The order of the test files: those that take minutes begin first, so that no worker is left alone with one of them at the end. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The longest first; what is not named comes after them in Vitest's own order. */
const LONG = [
  "test/restart/restart.test.ts",
  "test/crash/crash.test.ts",
  "test/story/merges.test.ts",
  "test/story/two-apps.test.ts",
  "test/story/production.test.ts",
  "test/verify/generated-app.test.ts",
  "test/story/story.test.ts",
  "test/release/undo.test.ts",
  "test/story/undo.test.ts",
  "test/browser/generated-apps.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((path) => moduleId.endsWith(`/${path}`));
      return at === -1 ? LONG.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
