/** The vetted list of things to do: tasks with a due date and a priority, in lists. */
import type { Blueprint } from "../catalog.ts";
import { calendar, entity, field, reference } from "./fields.ts";

export function todo(now: Date): Blueprint {
  const { day } = calendar(now);
  return {
    name: "Todo",
    description: "What is to be done, and by when.",
    entities: [
      entity(
        "task",
        "title",
        [
          field("Title", "text", { required: true }),
          field("Done", "boolean"),
          field("Due", "date"),
          field("Priority", "choice", { choices: ["High", "Normal", "Low"], required: true, default: "Normal" }),
          reference("List", "taskList", "clear"),
          field("Notes", "longtext"),
        ],
        [
          { title: "Return the library books", done: true, due: day(-2), priority: "Normal", listId: 0 },
          { title: "Book the dentist", due: day(1), priority: "High", listId: 0, notes: "Ask for a morning, before ten." },
          { title: "Send the invoice for October", due: day(2), priority: "High", listId: 1 },
          {
            title: "Draft the talk for the meetup",
            due: day(9),
            priority: "Normal",
            listId: 1,
            notes: "Twenty minutes, and one example that people can try.\n\nLeave room for questions.",
          },
          { title: "Water the plants on the balcony", done: true, priority: "Low", listId: 0 },
          { title: "Compare train and night bus to Lyon", due: day(16), priority: "Low", listId: 2 },
        ],
      ),
      {
        ...entity(
          "task list",
          "name",
          [field("Name", "text", { required: true, unique: true })],
          [{ name: "Home" }, { name: "Work" }, { name: "Travel" }],
        ),
        plural: "lists",
        label: "list",
        labelPlural: "lists",
        table: "lists",
      },
    ],
  };
}
