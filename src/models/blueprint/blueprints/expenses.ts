/** The vetted expense splitter: who paid what for the group, and who owes whom. */
import type { Blueprint } from "../catalog.ts";
import { calendar, entity, field, reference } from "./fields.ts";

export function expenses(now: Date): Blueprint {
  const { day } = calendar(now);
  return {
    name: "Shared Expenses",
    description: "Who paid what, and who owes whom.",
    entities: [
      entity(
        "expense",
        "description",
        [
          field("Description", "text", { required: true }),
          field("Amount", "money", { required: true, currency: "EUR", min: 0.01 }),
          reference("Paid by", "person", "restrict"),
          field("Paid on", "date", { required: true }),
          field("Category", "choice", { choices: ["Food", "Travel", "Lodging", "Fun", "Other"], required: true, default: "Other" }),
          field("Notes", "longtext"),
        ],
        [
          { description: "Train tickets to Porto", amount: 184.6, paidById: 0, paidOn: day(-9), category: "Travel" },
          {
            description: "Flat for three nights",
            amount: 372,
            paidById: 1,
            paidOn: day(-8),
            category: "Lodging",
            notes: "With the late arrival.",
          },
          { description: "Groceries", amount: 58.35, paidById: 2, paidOn: day(-7), category: "Food" },
          { description: "Boat trip on the Douro", amount: 96, paidById: 0, paidOn: day(-6), category: "Fun" },
          { description: "Dinner by the river", amount: 127.8, paidById: 3, paidOn: day(-6), category: "Food" },
        ],
      ),
      entity(
        "person",
        "name",
        [field("Name", "text", { required: true, unique: true }), field("Email", "email")],
        [
          { name: "Ada", email: "ada@example.org" },
          { name: "Jonas", email: "jonas@example.org" },
          { name: "Mira", email: "mira@example.org" },
          { name: "Lena" },
        ],
      ),
      entity(
        "payment",
        "note",
        [
          reference("From", "person", "restrict"),
          reference("To", "person", "restrict"),
          field("Amount", "money", { required: true, currency: "EUR", min: 0.01 }),
          field("Sent on", "date", { required: true }),
          field("Note", "text", { required: true, default: "Settling up" }),
        ],
        [{ fromId: 2, toId: 1, amount: 60, sentOn: day(-3), note: "In cash, at the station" }],
      ),
    ],
    features: [
      {
        kind: "balances",
        person: "person",
        expense: "expense",
        amount: "amount",
        paidBy: "paidById",
        payment: "payment",
        sent: "amount",
        from: "fromId",
        to: "toId",
      },
    ],
  };
}
