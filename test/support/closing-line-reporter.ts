/** A vitest reporter that ends every run with one line for machines: `N passed, N failed, N skipped`. */
import type { Reporter, TestModule } from "vitest/node";

export class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        // A test that was never reached has not passed; what its file failed with is counted below.
        count[state === "pending" ? "skipped" : state] += 1;
      }
      // A file that broke outside its tests, or holds none, is a failure that no test shows.
      if (module.state() === "failed" && ![...module.children.allTests("failed")].length) count.failed += 1;
    }
    count.failed += unhandledErrors.length;
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
  }
}
