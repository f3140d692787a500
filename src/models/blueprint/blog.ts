/** The vetted blog: posts with a title, a summary, a body and an author. */
import type { EntityModel } from "./entity-model.ts";

export const BLOG_DESCRIPTION = "Notes and stories, the newest first.";

export const POST: EntityModel = {
  name: "post",
  plural: "posts",
  label: "post",
  labelPlural: "posts",
  table: "posts",
  titleField: "title",
  fields: [
    { name: "title", column: "title", label: "Title", type: "text", required: true },
    { name: "summary", column: "summary", label: "Summary", type: "text", required: false },
    { name: "body", column: "body", label: "Body", type: "longtext", required: true },
    { name: "author", column: "author", label: "Author", type: "text", required: false },
  ],
  seed: [
    {
      title: "Why we write things down",
      summary: "Memory is generous with confidence and short on detail.",
      body: "Every team remembers its decisions for about two weeks. After that it remembers its opinion of them.\n\nA page written on the day is worth more than a meeting held a month later. It does not have to be long. It has to say what was decided, what else was considered, and what would change our mind.",
      author: "Mira Okafor",
    },
    {
      title: "A slower morning",
      summary: "What happened when we moved the daily meeting to the afternoon.",
      body: "Nobody expected much of it. We moved the meeting because two of us travel, and the mornings turned out to be the point.\n\nThree quiet hours are not three times one hour. Work that used to take a week of scraps now takes a day.",
      author: "Jonas Weber",
    },
    {
      title: "Questions we stopped asking",
      body: "Some questions only ever had one answer. We made that answer the default and took the question away.\n\nThe list is short so far, and we like every line of it.",
      author: "Ada Moreau",
    },
  ],
};
