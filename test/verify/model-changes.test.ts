/** Random changes of random apps: the migrated tables are those that the changed model would make, and rows survive. */
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BLUEPRINTS, blueprintOf } from "../../src/models/blueprint/catalog.ts";
import { lintMigrations } from "../../src/database/migrations/lint/lint.ts";
import { checkMigration } from "../../src/database/migrations/statements.ts";
import type { AppModel } from "../../src/models/blueprint/entity-model.ts";
import { changeModel, type ModelChange } from "../../src/models/blueprint/model-changes.ts";
import { renderCreateMigration } from "../../src/models/blueprint/render/migrations.ts";
import { renderApp } from "../../src/models/blueprint/render/render-app.ts";
import { randomAppModel } from "../support/random-app-model.ts";
import { randomChange } from "../support/random-model-change.ts";
import { startThrowawayPostgres, type ThrowawayPostgres } from "../support/throwaway-postgres.ts";

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
const CREATED = "20260101000000";
const CHANGED = "20260202000000";

let postgres: ThrowawayPostgres;
let client: pg.Client;

beforeAll(async () => {
  postgres = await startThrowawayPostgres();
  await postgres.createDatabase("changes", {});
  client = new pg.Client({ host: postgres.host, port: postgres.port, user: "adorable", database: "changes" });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await postgres.close();
});

test.each(SEEDS)("migrated tables are those of the changed model, and no row is lost (seed %i)", async (seed) => {
  const before = randomAppModel(seed);
  const change = randomChange(before, seed * 7919);
  const after = await migrate(before, [change]);
  expect(await tablesOf("migrated")).toEqual(await freshTables(after.model));
  if (change.kind !== "remove-entity") expect(after.rows).toBeGreaterThanOrEqual(after.rowsBefore);
  // The sample rows fit the changed tables too, and the app can still be rendered.
  expect(renderApp(after.model).size).toBeGreaterThan(0);
});

test.each(BLUEPRINTS)("every entity and field of the %s can be renamed one after the other", async (name) => {
  let model: AppModel = { slug: name, hue: 1, ...blueprintOf(name, new Date("2026-11-21T08:00:00Z")) };
  const changes: ModelChange[] = [];
  for (const entity of model.entities) {
    for (const field of entity.fields) {
      const ending = field.type === "reference" ? ["Id", "_id"] : ["", ""];
      const names = { name: `${field.name}New${ending[0]}`, column: `${field.column}_new${ending[1]}`, label: `${field.label} new` };
      changes.push({ kind: "rename-field", entity: entity.name, field: field.name, names });
    }
    const names = {
      name: `${entity.name}New`,
      plural: `${entity.plural}New`,
      label: `new ${entity.label}`,
      labelPlural: `new ${entity.labelPlural}`,
      table: `${entity.table}_new`,
    };
    changes.push({ kind: "rename-entity", entity: entity.name, names });
  }
  const after = await migrate(model, changes);
  expect(await tablesOf("migrated")).toEqual(await freshTables(after.model));
  expect(after.rows).toBe(after.rowsBefore);
  model = after.model;
  expect(model.features?.length).toBe(blueprintOf(name, new Date()).features?.length);
});

test("what rows hold is converted where that can be, and empty where it cannot", async () => {
  const text = { name: "size", column: "size", label: "Size", type: "text", required: false } as const;
  const names = { name: "thing", plural: "things", label: "thing", labelPlural: "things", table: "things" };
  const title = { name: "title", column: "title", label: "Title", type: "text", required: true } as const;
  const sizes = ["12", " 7 ", "2.5", "many", null];
  const model: AppModel = {
    slug: "things",
    name: "Things",
    description: "",
    hue: 1,
    entities: [{ ...names, titleField: "title", fields: [title, text], seed: sizes.map((size, index) => ({ title: `T${index}`, size })) }],
  };
  const to = (rules: object): ModelChange[] => [
    { kind: "change-field", entity: "thing", field: "size", to: { type: "integer", required: false, ...rules } },
  ];
  const values = async () =>
    (await client.query<{ size: unknown }>(`select size from migrated.things order by id`)).rows.map(({ size }) => size);
  const changed = await migrate(model, to({}));
  expect(await values()).toEqual([12, 7, null, null, null]);
  expect(changed.notes).toEqual(['Values of "Size" that are not whole numbers become empty.']);
  await migrate(model, to({ type: "decimal", required: true, default: 1, max: 10 }));
  expect(await values()).toEqual(["1.00", "7.00", "2.50", "1.00", "1.00"]);
  await migrate(model, to({ type: "choice", choices: ["Many", "12"] }));
  expect(await values()).toEqual(["12", null, null, "Many", null]);
  expect(() => changeModel(model, to({ required: true }), CHANGED)).toThrow(expect.objectContaining({ code: "field-needs-a-value" }));
  expect(() => changeModel(model, [{ kind: "remove-entity", entity: "thing" }], CHANGED)).toThrow(
    expect.objectContaining({ code: "cannot-change-app", remedy: "author" }),
  );
});

test("values that become records of their own are all there afterwards, each of them once", async () => {
  const title = { name: "title", column: "title", label: "Title", type: "text", required: true } as const;
  const kind = { name: "kind", column: "kind", label: "Kind", type: "text", required: false } as const;
  const kinds = ["b", " a ", "a", null, "b"];
  const model: AppModel = {
    slug: "things",
    name: "Things",
    description: "",
    hue: 1,
    entities: [
      {
        ...{ name: "thing", plural: "things", label: "thing", labelPlural: "things", table: "things" },
        titleField: "title",
        fields: [title, kind],
        seed: kinds.map((value, index) => ({ title: `T${index}`, kind: value })),
      },
    ],
  };
  const name = { name: "name", column: "name", label: "Name", type: "text", required: true, unique: true } as const;
  const after = await migrate(model, [
    {
      kind: "extract-field",
      entity: "thing",
      field: "kind",
      to: {
        name: "kind",
        plural: "kinds",
        label: "kind",
        labelPlural: "kinds",
        table: "kinds",
        titleField: "name",
        fields: [name],
        seed: [],
      },
      reference: {
        name: "kindId",
        column: "kind_id",
        label: "Kind",
        type: "reference",
        required: false,
        target: "kind",
        onDelete: "clear",
      },
    },
  ]);
  const { rows } = await client.query<{ name: string | null }>(
    `select kinds.name from migrated.things left join migrated.kinds on kinds.id = things.kind_id order by things.id`,
  );
  expect(rows.map((row) => row.name)).toEqual(["b", "a", "a", null, "b"]);
  expect(after.rows).toBe(after.rowsBefore + 2);
  expect(await tablesOf("migrated")).toEqual(await freshTables(after.model));
});

/** Makes the tables of `before` in the schema `migrated`, with sample rows, and carries out the changes. */
async function migrate(before: AppModel, changes: readonly ModelChange[]) {
  await makeTables("migrated", before, renderApp(before).get("db/seed.sql") ?? "");
  const rowsBefore = await countRows();
  const { model, migration, notes } = changeModel(before, changes, CHANGED);
  if (migration !== undefined) {
    await checkMigration(migration.path, migration.sql);
    const sources = [renderCreateMigration(before, CREATED), migration].map((one) => ({ app: before.slug, ...one }));
    const findings = await lintMigrations(sources.slice(1), sources.slice(0, 1));
    expect(findings.filter(({ severity, accepted }) => severity === "blocking" && accepted === undefined)).toEqual([]);
    expect((await lintMigrations(sources.slice(0, 1))).filter(({ severity }) => severity !== "advice")).toEqual([]);
    await client.query(`begin; ${migration.sql}; commit`);
  }
  return { model, notes, rowsBefore, rows: await countRows() };
}

async function makeTables(schema: string, model: AppModel, more: string): Promise<void> {
  const fresh = {
    ...model,
    entities: model.entities.map((entity) => fromTheStart({ ...entity, fields: entity.fields.map(fromTheStart) })),
  };
  await client.query(`rollback; drop schema if exists ${schema} cascade; create schema ${schema}; set search_path = ${schema}`);
  await client.query(renderCreateMigration(fresh, CREATED).sql);
  await client.query(more);
}

/** As if it had not been added later. */
function fromTheStart<T extends { since?: string | undefined }>(part: T): Omit<T, "since"> {
  const { since: _, ...rest } = part;
  return rest;
}

async function freshTables(model: AppModel): Promise<unknown[]> {
  await makeTables("fresh", model, renderApp(model).get("db/seed.sql") ?? "");
  return tablesOf("fresh");
}

async function countRows(): Promise<number> {
  const { rows } = await client.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'migrated'::regnamespace and relkind = 'r'`,
  );
  let total = 0;
  for (const { name } of rows)
    total += Number((await client.query<{ n: string }>(`select count(*) as n from migrated.${client.escapeIdentifier(name)}`)).rows[0]?.n);
  return total;
}

/** Columns, constraints and indexes of a schema, whatever their order. */
async function tablesOf(schema: string): Promise<unknown[]> {
  const { rows } = await client.query<{ line: string }>(
    `select replace(line, $1 || '.', '') as line from (
       select format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) as line
       from information_schema.columns where table_schema = $1
       union all
       select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = $1::regnamespace and contype <> 'p'
       union all
       select indexdef from pg_indexes where schemaname = $1 and indexname not like '%pkey'
     ) as lines order by 1`,
    [schema],
  );
  return rows.map(({ line }) => line);
}
