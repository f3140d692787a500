/** The vetted guestbook: what visitors leave. */
import type { Blueprint } from "../catalog.ts";
import { entity, field } from "./fields.ts";

export function guestbook(): Blueprint {
  return {
    name: "Guestbook",
    description: "Thank you for stopping by. Leave a few words for those who come after you.",
    entities: [
      entity(
        "entry",
        "name",
        [
          field("Name", "text", { required: true }),
          field("Message", "longtext", { required: true }),
          field("From", "text"),
          field("Rating", "rating"),
          field("Website", "url"),
        ],
        [
          {
            name: "Lena Castillo",
            message: "We came for one night and stayed for three. The breakfast on the terrace is worth the climb.",
            from: "Valencia",
            rating: 5,
          },
          {
            name: "Jonas Weber",
            message: "Quiet rooms, a good lamp to read by, and somebody who knew when the last ferry leaves.",
            from: "Hamburg",
            rating: 4,
            website: "https://example.org/jonas",
          },
          { name: "Mira Okafor", message: "Thank you for finding my scarf!", from: "Lagos" },
          {
            name: "Ada Moreau",
            message: "My grandmother signed a book in this house in 1961. It was lovely to do the same.\n\nWe shall be back in spring.",
            from: "Lyon",
            rating: 5,
          },
        ],
      ),
    ],
  };
}
