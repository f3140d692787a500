/** Computations over several entities: their modules, routers, pages and tests, and where they show in the pages of entities. */
import type { AppModel, EntityModel, Feature, FieldModel } from "../entity-model.ts";
import { isNullable } from "./field-kinds.ts";
import { fieldOf } from "./fill.ts";
import { entityOf, relationsFrom } from "./relations.ts";
import { renderTemplate } from "./templates.ts";
import { capitalized, kebabCase, literal, pascalCase } from "./text.ts";
import { wording } from "./wording.ts";

/** What a feature adds to an app. */
export interface RenderedFeature {
  /** Of its router, and of its page's address. */
  name: Feature["kind"];
  files: Map<string, string>;
  /** Its page in the navigation, if it has one. */
  section?: { path: string; label: string; component: string };
  /** On the detail page of the entity of that name. */
  panel: { entity: string; element: string; imports: { names: string; from: string }[] } | undefined;
  /** Writes of the entity of that name stay within the capacity. */
  guarded: string | undefined;
  procedures: { name: string; type: "query" | "mutation" }[];
  /** One paragraph of the app's README. */
  readme: string;
}

export function renderFeatures(model: AppModel): RenderedFeature[] {
  return (model.features ?? []).map((feature) => {
    switch (feature.kind) {
      case "balances":
        return renderBalances(model, feature);
      case "attendance":
        return renderAttendance(model, feature);
      case "stock":
        return renderStock(model, feature);
    }
  });
}

function renderBalances(model: AppModel, feature: Extract<Feature, { kind: "balances" }>): RenderedFeature {
  const [person, expense, payment] = [feature.person, feature.expense, feature.payment].map((name) =>
    namesOf(model, entityOf(model, name)),
  );
  const expenses = entityOf(model, feature.expense);
  const payments = entityOf(model, feature.payment);
  const amount = fieldOf(expenses, feature.amount);
  const view = {
    titleText: `Balances · ${model.name}`,
    currency: amount.currency,
    person,
    expense: {
      ...expense,
      amount: amount.column,
      amountName: amount.name,
      paidBy: fieldOf(expenses, feature.paidBy).column,
      paidByName: feature.paidBy,
    },
    payment: {
      ...payment,
      amount: fieldOf(payments, feature.sent).column,
      amountName: feature.sent,
      from: fieldOf(payments, feature.from).column,
      fromName: feature.from,
      to: fieldOf(payments, feature.to).column,
      toName: feature.to,
      dates: payments.fields.filter((field) => field.type === "date").map((field) => field.name),
    },
  };
  return {
    name: "balances",
    files: renderFiles("balances", view, {
      "src/shared/balances.ts": "balances.ts",
      "src/server/routers/balances.ts": "router.ts",
      "src/client/pages/balances/page.tsx": "page.tsx",
      "test/balances.test.ts": "balances.test.ts",
      "test/balances.api.test.ts": "balances.api.test.ts",
      "test/balances.pages.test.tsx": "pages.test.tsx",
    }),
    section: { path: "balances", label: "Balances", component: "BalancesPage" },
    panel: undefined,
    guarded: undefined,
    procedures: [{ name: "balances.summary", type: "query" }],
    readme:
      "`balances.summary` says who owes whom; `src/shared/balances.ts` computes it, in whole cents and with as few transfers as possible.",
  };
}

function renderAttendance(model: AppModel, feature: Extract<Feature, { kind: "attendance" }>): RenderedFeature {
  const [events, guests] = [entityOf(model, feature.event), entityOf(model, feature.guest)];
  const answer = fieldOf(guests, feature.answer);
  const view = {
    yes: feature.yes,
    maybe: feature.maybe,
    no: feature.no,
    answerType: (answer.choices ?? []).map((choice) => literal(choice)).join(" | "),
    event: { ...namesOf(model, events), capacity: fieldOf(events, feature.capacity).column, capacityName: feature.capacity },
    guest: {
      ...namesOf(model, guests),
      host: fieldOf(guests, feature.host).column,
      hostName: feature.host,
      answer: answer.column,
      answerName: answer.name,
      plusOnes: fieldOf(guests, feature.plusOnes).column,
      plusOnesName: feature.plusOnes,
    },
  };
  return {
    name: "attendance",
    files: renderFiles("attendance", view, {
      "src/shared/attendance.ts": "attendance.ts",
      "src/server/capacity.ts": "capacity.ts",
      "src/server/routers/attendance.ts": "router.ts",
      "src/client/pages/attendance/head-count.tsx": "head-count.tsx",
      "test/attendance.test.ts": "attendance.test.ts",
      "test/attendance.api.test.ts": "attendance.api.test.ts",
    }),
    panel: {
      entity: events.name,
      element: "<HeadCount id={row.id} />",
      imports: [{ names: "HeadCount", from: "../attendance/head-count.tsx" }],
    },
    guarded: guests.name,
    procedures: [{ name: "attendance.of", type: "query" }],
    readme: "`attendance.of` counts heads; `src/server/capacity.ts` refuses whoever would be one too many, also when several ask at once.",
  };
}

function renderStock(model: AppModel, feature: Extract<Feature, { kind: "stock" }>): RenderedFeature {
  const items = entityOf(model, feature.item);
  const unitCost = fieldOf(items, feature.unitCost);
  const relation = relationsFrom(model, items).find(({ field }) => field.name === feature.supplier);
  const [quantity, reorderAt] = [fieldOf(items, feature.quantity), fieldOf(items, feature.reorderAt)];
  const view = {
    titleText: `Stock · ${model.name}`,
    currency: unitCost.currency,
    valueHeading: relation === undefined ? "Value" : `Value by ${relation.parent.label}`,
    withoutSupplier: relation === undefined ? "Everything" : `Without ${relation.parent.label}`,
    supplier: relation && namesOf(model, relation.parent),
    item: {
      ...namesOf(model, items),
      quantity: quantity.column,
      quantityName: quantity.name,
      reorderAt: reorderAt.column,
      reorderAtName: reorderAt.name,
      unitCost: unitCost.column,
      supplier: relation?.field.column ?? "",
    },
  };
  return {
    name: "stock",
    files: renderFiles("stock", view, {
      "src/shared/stock.ts": "stock.ts",
      "src/server/routers/stock.ts": "router.ts",
      "src/client/pages/stock/page.tsx": "page.tsx",
      "src/client/pages/stock/adjust-stock.tsx": "adjust-stock.tsx",
      "test/stock.test.ts": "stock.test.ts",
      "test/stock.api.test.ts": "stock.api.test.ts",
    }),
    section: { path: "stock", label: "Stock", component: "StockPage" },
    panel: {
      entity: items.name,
      element: `<AdjustStock id={row.id} quantity={row.${quantity.name}} low={isLow({ quantity: row.${quantity.name}, reorderAt: row.${reorderAt.name} })} />`,
      imports: [
        { names: "isLow", from: "../../../shared/stock.ts" },
        { names: "AdjustStock", from: "../stock/adjust-stock.tsx" },
      ],
    },
    guarded: undefined,
    procedures: [
      { name: "stock.summary", type: "query" },
      { name: "stock.adjust", type: "mutation" },
    ],
    readme: "`stock.summary` says what runs low and what everything is worth, `stock.adjust` takes out and puts in.",
  };
}

function renderFiles(feature: Feature["kind"], view: object, templates: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(templates).map(([path, template]) => [path, renderTemplate(`features/${feature}/${template}`, view)]));
}

/** What templates call an entity. */
function namesOf(model: AppModel, entity: EntityModel) {
  const title: FieldModel = fieldOf(entity, entity.titleField);
  const needsServer = relationsFrom(model, entity).some(({ field }) => field.required);
  return {
    name: entity.name,
    type: pascalCase(entity.name),
    plural: entity.plural,
    path: kebabCase(entity.plural),
    table: entity.table,
    label: entity.label,
    labelPlural: entity.labelPlural,
    heading: capitalized(entity.labelPlural),
    addLabel: wording(entity, model.name).addLabel,
    title: title.column,
    titleName: title.name,
    titleIsNullable: isNullable(title),
    sample: needsServer ? `await ${entity.name}Sample(server, uniqueWord())` : `${entity.name}Sample(uniqueWord())`,
  };
}
