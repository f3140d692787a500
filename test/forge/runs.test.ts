/** Workflow runs that cannot end well, and how they say so. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "./support.ts";

const SHOP = { owner: "ann", repo: "shop" };
let world: World;

beforeAll(async () => {
  world = await startWorld({ maxConcurrentJobs: 1 });
});
afterAll(() => world.close());

/** Puts a workflow on main under a name of its own and dispatches it. */
async function dispatch(name: string, jobs: string): Promise<number> {
  const ann = world.as("ann");
  const content = Buffer.from(`name: ${name}\non: workflow_dispatch\npermissions: {}\njobs:\n${jobs}`).toString("base64");
  await ann.rest.repos.createOrUpdateFileContents({ ...SHOP, path: `.github/workflows/${name}.yml`, message: name, content });
  const parameters = { ...SHOP, workflow_id: `${name}.yml`, ref: "main", return_run_details: true };
  const { data } = await ann.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", parameters);
  return (data as { workflow_run_id: number }).workflow_run_id;
}

async function ended(id: number): Promise<{ conclusion: string | null; message: string | null }> {
  const run = () => world.forge.core.state.workflowRun(id);
  await expect.poll(() => run()?.status, { timeout: 20_000, interval: 25 }).toBe("completed");
  return { conclusion: run()?.conclusion ?? null, message: run()?.message ?? null };
}

describe("a run", () => {
  it.each([
    [
      "greedy",
      "  a: { uses: adorable/platform/.github/workflows/run.yml@main, with: { phase: work, mode: pass } }\n",
      'requesting "contents: write", but is only allowed "contents: none"',
    ],
    ["missing", "  a: { uses: adorable/nowhere/.github/workflows/run.yml@main }\n", "repository not found"],
    ["version", "  a: { uses: adorable/platform/.github/workflows/run.yml@v9 }\n", 'unable to find version "v9"'],
    [
      "input",
      "  a: { permissions: { contents: write, id-token: write }, uses: adorable/platform/.github/workflows/run.yml@main, with: { phase: work } }\n",
      'the input "mode" is required',
    ],
    ["secret", '  a: { if: "secrets.KEY == \'\'", steps: [{ run: "true" }] }\n', "a runner holds none"],
  ])("whose file asks for what it cannot have fails and says why: %s", async (name, jobs, message) => {
    expect(await ended(await dispatch(name, jobs))).toEqual({ conclusion: "failure", message: expect.stringContaining(message) });
  });

  it("whose action cannot be found fails in its log", async () => {
    const id = await dispatch("lost", '  a: { steps: [{ uses: "adorable/platform/none@main" }] }\n');
    expect((await ended(id)).conclusion).toBe("failure");
    const run = world.forge.core.state.workflowRun(id);
    const [job] = run === undefined ? [] : world.forge.core.state.jobs(run);
    const annotations = world.forge.core.state.annotations(job?.checkRunId ?? 0).items;
    expect(annotations.map((item) => item.message)).toEqual([expect.stringContaining('Can\'t find "none"')]);
  });

  it("that takes too long is ended and called timed out", async () => {
    const id = await dispatch("slow", "  a: { timeout-minutes: 0.01, steps: [{ run: exec sleep 600 }] }\n");
    expect((await ended(id)).conclusion).toBe("timed_out");
  });

  it("goes on after a failed step only where it says so, and hands on what steps left", async () => {
    const id = await dispatch(
      "steps",
      `  a:
    outputs: { said: "\${{ steps.say.outputs.word }}" }
    steps:
      - { id: bad, run: exit 3, continue-on-error: true }
      - { id: say, run: 'echo "word=\${{ steps.bad.outcome }}" >> "$GITHUB_OUTPUT"; echo "LATER=yes" >> "$GITHUB_ENV"' }
      - { run: test "$LATER" = yes }
  b: { needs: a, if: "needs.a.outputs.said == 'failure'", steps: [{ run: exit 1 }, { run: "true" }, { if: always(), run: "true" }] }
  c: { needs: b, steps: [{ run: "true" }] }
`,
    );
    expect((await ended(id)).conclusion).toBe("failure");
    const run = world.forge.core.state.workflowRun(id);
    const jobs = run === undefined ? [] : world.forge.core.state.jobs(run);
    expect(jobs.map((job) => [job.name, job.conclusion])).toEqual([
      ["a", "success"],
      ["b", "failure"],
      ["c", "skipped"],
    ]);
    expect(jobs[1]?.steps.map((step) => step.conclusion)).toEqual(["failure", "skipped", "success"]);
  });

  it("waits for a place, can be cancelled while it waits, and ends when its repository is deleted", async () => {
    await world.admin("repositories", {
      owner: "ann",
      name: "gone",
      files: { ".github/workflows/w.yml": "on: workflow_dispatch\njobs: { a: { steps: [{ run: exec sleep 600 }] } }\n" },
    });
    const ann = world.as("ann");
    const parameters = { owner: "ann", repo: "gone", workflow_id: "w.yml", ref: "main", return_run_details: true };
    const { data } = await ann.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", parameters);
    const holder = (data as { workflow_run_id: number }).workflow_run_id;
    await expect.poll(() => world.forge.core.state.workflowRun(holder)?.status).toBe("in_progress");
    const waiting = await dispatch("waiting", '  a: { steps: [{ run: "true" }] }\n');
    const next = await dispatch("next", '  a: { steps: [{ run: "true" }] }\n');
    await expect.poll(() => world.forge.core.db.all("select id from workflowJobs where status = 'queued'").length).toBe(2);
    await ann.rest.actions.cancelWorkflowRun({ ...SHOP, run_id: waiting });
    expect((await ended(waiting)).conclusion).toBe("cancelled");
    await ann.rest.repos.delete({ owner: "ann", repo: "gone" });
    expect((await ended(next)).conclusion).toBe("success");
    await expect(ann.rest.repos.get({ owner: "ann", repo: "gone" })).rejects.toMatchObject({ status: 404 });
  });
});
