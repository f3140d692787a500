/** The vetted RSVP list: events with a capacity, and guests who bring others along. */
import type { Blueprint } from "../catalog.ts";
import { calendar, entity, field, reference } from "./fields.ts";

export function rsvp(now: Date): Blueprint {
  const { moment } = calendar(now);
  return {
    name: "RSVP",
    description: "Who is coming, and with how many.",
    entities: [
      // A type called Event would hide the browser's own.
      {
        ...entity(
          "event",
          "name",
          [
            field("Name", "text", { required: true }),
            field("Starts at", "datetime", { required: true }),
            field("Place", "text"),
            field("Capacity", "integer", { unit: "places", min: 1, max: 100_000 }),
            field("Details", "longtext"),
          ],
          [
            {
              name: "Book club: winter reading",
              startsAt: moment(6, "18:30"),
              place: "The back room of Café Lumen",
              details: "Bring the one book that you would take to a cabin without a connection.",
            },
            {
              name: "Garden party",
              startsAt: moment(20, "16:00"),
              place: "Lindenallee 14",
              capacity: 12,
              details: "Coffee from four, soup at seven. Children are welcome, and so is the dog.\n\nIf it rains we move into the barn.",
            },
          ],
        ),
        name: "gathering",
      },
      entity(
        "guest",
        "name",
        [
          field("Name", "text", { required: true }),
          reference("Event", "gathering", "cascade"),
          field("Answer", "choice", { choices: ["Yes", "Maybe", "No"], required: true, default: "Yes" }),
          field("Plus ones", "integer", { required: true, default: 0, min: 0, max: 20 }),
          field("Email", "email"),
          field("Note", "text"),
        ],
        [
          { name: "Ada Moreau", eventId: 1, answer: "Yes", plusOnes: 2, email: "ada@example.org", note: "One of us eats no meat" },
          { name: "Jonas Weber", eventId: 1, answer: "Yes", plusOnes: 1, email: "jonas@example.org" },
          { name: "Mira Okafor", eventId: 1, answer: "Maybe", plusOnes: 0, note: "Depends on the train" },
          { name: "Lena Castillo", eventId: 1, answer: "No", plusOnes: 0, email: "lena@example.org" },
          { name: "Tomas Lindqvist", eventId: 1, answer: "Yes", plusOnes: 0 },
          { name: "Ada Moreau", eventId: 0, answer: "Yes", plusOnes: 0, email: "ada@example.org" },
          { name: "Noor Haddad", eventId: 0, answer: "Maybe", plusOnes: 1, email: "noor@example.org" },
        ],
      ),
    ],
    features: [
      {
        kind: "attendance",
        event: "gathering",
        capacity: "capacity",
        guest: "guest",
        host: "eventId",
        answer: "answer",
        plusOnes: "plusOnes",
        yes: "Yes",
        maybe: "Maybe",
        no: "No",
      },
    ],
  };
}
