import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configJsonSchema, configSchema, ENVIRONMENT } from "./config-schema.ts";
import { CONFIG_FILE, loadConfig } from "./config.ts";
import { AdorableError } from "./core/errors.ts";

const SECRET = "5f0c9b1e7a4d4c0e9a7b";
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "adorable config "));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(settings: unknown, name = CONFIG_FILE) {
  writeFileSync(join(directory, name), typeof settings === "string" ? settings : JSON.stringify(settings));
}

function load(env: Record<string, string> = {}, flags: Record<string, unknown> = {}) {
  return loadConfig({ env: { PATH: "/bin", ...env }, directory, flags });
}

function mistake(env: Record<string, string> = {}, flags: Record<string, unknown> = {}): AdorableError {
  try {
    load(env, flags);
  } catch (error) {
    if (AdorableError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("It was accepted.");
}

describe("the configuration", () => {
  test("of nothing is the whole default", () => {
    expect(load()).toMatchObject({
      dataDir: join(directory, ".adorable-data"),
      ports: { controlPlane: 0, gateway: 0 },
      approval: "auto",
      models: { architect: "blueprint", producer: "blueprint", analyst: "blueprint" },
      allowedBots: [],
      holdBudgetMs: 5000,
      history: { days: 7, gigabytes: 16 },
    });
    expect(load().github).toBeUndefined();
  });

  test("takes the command line before the environment before the file before the default", () => {
    write({ $schema: "docs/config.schema.json", approval: "plan", ports: { gateway: 8080, forge: 8081 }, budget: { steps: 50 } });

    const config = load(
      { ADORABLE_GATEWAY_PORT: "9090", ADORABLE_FORGE_PORT: "", ADORABLE_BUDGET_TOKENS: "5000" },
      { "ports.forge": 9091, dataDir: undefined },
    );

    expect(config).toMatchObject({
      approval: "plan",
      ports: { controlPlane: 0, gateway: 9090, forge: 9091 },
      budget: { steps: 50, tokens: 5000, minutes: 30 },
    });
    expect(config).not.toHaveProperty("$schema");
  });

  test("reads lists and switches from the environment", () => {
    expect(load({ ADORABLE_ALLOWED_BOTS: "renovate[bot], dependabot[bot]", ADORABLE_TRUST_CODE: "1" })).toMatchObject({
      allowedBots: ["renovate[bot]", "dependabot[bot]"],
      trustCode: true,
    });
  });

  test("of a GitHub App is complete, and its key's path absolute", () => {
    write({ publicUrl: "https://adorable.example", github: { appId: 7, privateKeyFile: "key.pem" } });

    expect(load({ ADORABLE_GITHUB_WEBHOOK_SECRET: SECRET }).github).toEqual({
      apiUrl: "https://api.github.com",
      appId: 7,
      privateKeyFile: join(directory, "key.pem"),
      webhookSecret: SECRET,
    });
  });
});

describe("a mistake names the setting, where it stands, its value and what is allowed", () => {
  test.for<[string, Record<string, string>, unknown, RegExp]>([
    [
      "a word that is not allowed",
      { ADORABLE_APPROVAL: "maybe" },
      {},
      /"approval" from ADORABLE_APPROVAL is "maybe": expected one of "auto"\|"plan"/,
    ],
    ["no number", { ADORABLE_PORT: "http" }, {}, /"ports\.controlPlane" from ADORABLE_PORT is "http": expected number/],
    [
      "a port out of range",
      {},
      { ports: { gateway: 70_000 } },
      /"ports\.gateway" from adorable\.config\.json is 70000: expected number to be <=65535/,
    ],
    [
      "a budget of nothing",
      { ADORABLE_BUDGET_STEPS: "0" },
      {},
      /"budget\.steps" from ADORABLE_BUDGET_STEPS is 0: expected number to be >=1/,
    ],
    ["an unknown setting", {}, { aproval: "auto" }, /"aproval" in adorable\.config\.json is no setting; there are dataDir, host, /],
    ["an unknown setting deeper down", {}, { models: { artist: "x" } }, /"models\.artist" .* there are architect, producer, analyst/],
    ["an unknown variable", { ADORABLE_APROVAL: "auto" }, {}, /the environment variable "ADORABLE_APROVAL" is none of ours/],
    [
      "no object where there must be one",
      { ADORABLE_GATEWAY_PORT: "1" },
      { ports: 8080 },
      /"ports" from adorable\.config\.json is 8080: expected object/,
    ],
    [
      "a bot that is none",
      { ADORABLE_ALLOWED_BOTS: "ada" },
      {},
      /"allowedBots\.0" from ADORABLE_ALLOWED_BOTS is "ada": expected a bot's login/,
    ],
    [
      "a switch that is neither",
      { ADORABLE_TRUST_CODE: "perhaps" },
      {},
      /"trustCode" from ADORABLE_TRUST_CODE is "perhaps": expected boolean/,
    ],
    [
      "a policy that is none",
      { ADORABLE_PREVIEW_DATA: "some" },
      {},
      /"previewData" from ADORABLE_PREVIEW_DATA is "some": expected one of "empty"\|"masked"/,
    ],
    [
      "an unknown setting of a project",
      {},
      { projects: { "ada/journal": { previews: "full" } } },
      /"projects\.ada\/journal\.previews" in adorable\.config\.json is no setting; there is previewData/,
    ],
    [
      "production's rows in previews that others can open",
      { ADORABLE_HOST: "0.0.0.0" },
      { projects: { "ada/journal": { previewData: "full" } } },
      /"projects\.ada\/journal\.previewData" is "full": previews ask nobody to log in/,
    ],
    ["one port twice", {}, { ports: { gateway: 8080, forge: 8080 } }, /"ports\.forge" and "ports\.gateway" are both 8080/],
    ["half a GitHub App", { ADORABLE_GITHUB_APP_ID: "7" }, {}, /"github\.privateKeyFile" \(ADORABLE_GITHUB_PRIVATE_KEY_FILE\) is missing/],
    [
      "an address with a slash at the end",
      { ADORABLE_PUBLIC_URL: "https://x.example/" },
      {},
      /"publicUrl" from ADORABLE_PUBLIC_URL is .*without a slash at the end/,
    ],
    [
      "a model that nobody knows",
      { ADORABLE_MODEL_PRODUCER: "gpt" },
      {},
      /"models\.producer": "gpt" is not a model id\. Set ADORABLE_MODEL_PRODUCER to one of: blueprint, /,
    ],
    ["a list that is no JSON object", {}, "[]", /"adorable\.config\.json" holds no JSON object/],
    ["a corrupt file", {}, '{ "approval": ', /"adorable\.config\.json" cannot be read as JSON: /],
  ])("%s", ([, env, file, expected]) => {
    write(file);

    const error = mistake(env);

    expect(error).toMatchObject({ code: "config-invalid", remedy: "operator" });
    expect(error.message).toMatch(expected);
  });

  test("a webhook secret that is known or short, without printing it", () => {
    write({ publicUrl: "https://adorable.example", github: { appId: 7, privateKeyFile: "key.pem" } });

    for (const secret of ["development", "short-secret-x", "development".padEnd(24, "-")]) {
      const error = mistake({ ADORABLE_GITHUB_WEBHOOK_SECRET: secret });

      expect(error.message).toContain("github.webhookSecret");
      expect(JSON.stringify(error)).not.toContain(secret);
    }
  });

  test("a secret in the wrong place, without printing it", () => {
    write({ github: [SECRET], models: { architect: { key: SECRET } } });

    expect(JSON.stringify(mistake())).not.toContain(SECRET);
  });

  test("a GitHub App that cannot be reached by GitHub", () => {
    write({ github: { appId: 7, privateKeyFile: "key.pem", webhookSecret: SECRET } });

    expect(mistake().message).toMatch(/"publicUrl" \(ADORABLE_PUBLIC_URL\) is missing/);
  });

  test("all of them at once", () => {
    write({ approval: "maybe", colour: "red" });

    expect(mistake({ ADORABLE_PORT: "-1" }).details.mistakes).toHaveLength(3);
  });

  test("from the command line too", () => {
    expect(mistake({}, { "ports.gateway": 99_999 }).message).toMatch(/"ports\.gateway" from the command line is 99999/);
  });

  test("a file of another kind, or a named one that is not there", () => {
    write("export default {}", "adorable.config.mjs");

    expect(mistake().message).toContain('"adorable.config.mjs" is not read');
    expect(() => loadConfig({ env: {}, directory, file: "other.json" })).toThrow('"other.json" does not exist');
  });
});

describe("the published schema", () => {
  test("is what the code reads: after a change, `npm test -- -u src/config.test.ts` writes it anew", async () => {
    const schema = `${JSON.stringify(configJsonSchema(), null, 2)}\n`;

    await expect(schema).toMatchFileSnapshot(resolve(import.meta.dirname, "../docs/config.schema.json"));
  });

  test("has every environment variable's setting", () => {
    for (const { path } of ENVIRONMENT) {
      const [top, inner] = path;
      const property = (configJsonSchema().properties as Record<string, { properties?: object }>)[top];
      expect(property, top).toBeDefined();
      if (inner !== undefined) expect(Object.keys(property?.properties ?? {})).toContain(inner);
    }
    expect(Object.keys(configSchema.shape).length).toBeGreaterThan(10);
  });
});
