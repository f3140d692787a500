/**
 * A vitest reporter that says at once why a file failed, and ends every run with the failures and one line for machines: `N passed, N failed, N skipped`.
 *
 * A whole run takes many minutes, and logs are often cut at their end: a failure is readable where it happened and where people look last.
 */
import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";

export class ClosingLineReporter implements Reporter {
  onTestModuleEnd(module: TestModule): void {
    for (const error of module.errors()) write(`FAILED ${module.relativeModuleId}\n${indented(textOf(error))}`);
    for (const test of module.children.allTests("failed"))
      write(`FAILED ${nameOf(test)}\n${indented((test.result().errors ?? []).map(textOf).join("\n"))}`);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    const failed: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        // A test that was never reached has not passed; what its file failed with is counted below.
        count[state === "pending" ? "skipped" : state] += 1;
        if (state === "failed") failed.push(nameOf(test));
      }
      // A file that broke outside its tests, or holds none, is a failure that no test shows.
      if (module.state() === "failed" && ![...module.children.allTests("failed")].length) {
        count.failed += 1;
        failed.push(module.relativeModuleId);
      }
    }
    count.failed += unhandledErrors.length;
    failed.push(...unhandledErrors.map(({ message }) => `outside of any test: ${message}`));
    for (const name of failed) write(`FAILED ${name}`);
    write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

/** The stack begins with the message. */
function textOf({ message, stack, diff = "" }: SerializedError): string {
  return `${stack ?? message}\n${diff}`;
}

function indented(text: string): string {
  const LONGEST = 4000;
  return text.slice(0, LONGEST).replaceAll(/^/gm, "    ");
}

function write(text: string): void {
  process.stdout.write(`${text}\n`);
}
