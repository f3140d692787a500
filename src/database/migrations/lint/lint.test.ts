import { describe, expect, it } from "vitest";
import { lintMigrations, RULES, type Finding } from "./lint.ts";

function source(sql: string, id = "20260101000000", app = "blog"): { app: string; path: string; sql: string } {
  return { app, path: `apps/${app}/db/migrations/${id}_step.sql`, sql };
}

async function lint(...sql: string[]): Promise<Finding[]> {
  return lintMigrations(sql.map((text, index) => source(text, `2026010100000${index}`)));
}

const rulesOf = (findings: readonly Finding[]): string[] => [...new Set(findings.map(({ rule }) => rule))];
const ALONE = "-- adorable: no-transaction\n";

/** For each rule one that it finds, what it says of it, and a near one that it does not find. */
const CASES: Record<string, [found: string, what: string, near: string]> = {
  "ban-drop-table": ["drop table post, blog.draft", "drops the table post, blog.draft", "create table t (id bigint); drop table t"],
  "ban-drop-schema": ["drop schema blog cascade", "drops the schema blog and what depends on it", "create schema blog"],
  "ban-drop-sequence": ["drop sequence counter", "drops the sequence counter", "create sequence counter"],
  "ban-drop-type": ["drop type mood", "drops the type mood", "create type mood as enum ('good')"],
  "ban-drop-view": ["drop view busy", "drops the view busy", "create or replace view busy as select 1 as x"],
  "ban-drop-function": [
    "drop function f(int)",
    "drops the function f",
    "create or replace function f() returns int language sql as 'select 1'",
  ],
  "ban-drop-cascade": ["drop trigger t on post cascade", "drops the trigger post.t and what depends on it", "drop trigger t on post"],
  "ban-drop-column": [
    "alter table post drop title, drop if exists body cascade",
    "drops the column post.title",
    "alter table post add draft text; alter table post drop draft",
  ],
  "ban-drop-database": ["drop database x", "drops the database x", "select 'drop database x'"],
  "ban-drop-owned": ["drop owned by app_blog", "drops all that a role owns", "select 1"],
  "ban-truncate": ["truncate post", "empties post", "create table t (id bigint); truncate t"],
  "ban-truncate-cascade": ["truncate post cascade", "empties post and every table that refers to it", "truncate post"],
  "ban-delete-without-where": [
    "with gone as (delete from post where 1 = 1 returning id) select count(*) from gone",
    "deletes every row of post",
    "delete from post where id = 3; delete from post using author where author.id = post.author; delete from post where exists (select from author)",
  ],
  "ban-update-without-where": [
    "update post set title = 'x'",
    "rewrites every row of post",
    "update post set title = 'x' where title is null; alter table post add slug text; update post set slug = lower(title)",
  ],
  "ban-merge-delete": [
    "merge into post using draft on post.id = draft.id when matched then delete",
    "deletes merged rows of post",
    "merge into post using draft on post.id = draft.id when not matched then insert (id) values (draft.id)",
  ],
  "ban-merge-update": [
    "merge into post using draft on true when matched then update set title = draft.title",
    "overwrites merged rows of post",
    "merge into post using draft on post.id = draft.id when matched and post.title is null then update set title = ''; alter table post add slug text; merge into post using draft on true when matched then update set slug = draft.slug",
  ],
  "ban-upsert-without-where": [
    "with x as (insert into post select * from draft on conflict (id) do update set title = excluded.title returning 1) select * from x",
    "overwrites rows of post that have the same key",
    "insert into post select * from draft on conflict (id) do update set title = excluded.title where post.title is null; insert into post values (1) on conflict do nothing",
  ],
  "changing-column-type": [
    "alter table post alter title type varchar(20)",
    "changes the type of post.title",
    "alter table post add n bigint; alter table post alter n type numeric",
  ],
  "renaming-column": [
    "alter table post rename title to name",
    "renames the column post.title",
    "alter table post rename constraint a to b",
  ],
  "renaming-table": [
    "alter table post rename to article",
    "renames the table post",
    "create table t (id bigint); alter table t rename to u",
  ],
  "renaming-object": ["alter type mood rename value 'a' to 'b'", "renames a value of the type mood", "alter index a rename to b"],
  "ban-drop-default": [
    "alter table post alter title drop default",
    "drops the default of post.title",
    "alter table post alter title set default ''; alter table post alter n drop default; alter table post alter n set default 2",
  ],
  "ban-detach-partition": [
    "alter table post detach partition post_2025",
    "takes the partition post_2025 out of post",
    "alter table post attach partition post_2026 default",
  ],
  "ban-revoke": ["revoke select on post from app_blog", "takes privileges away", "grant select on post to app_blog"],
  "require-concurrent-index-creation": [
    "create unique index post_slug on post (slug)",
    "builds the unique index post_slug on post",
    "create table t (id bigint); create index on t (id); create index on blog.t (id)",
  ],
  "require-concurrent-index-deletion": [
    "drop index post_slug",
    "drops the index post_slug",
    "create table t (id bigint); create index t_id on t (id); drop index t_id",
  ],
  "require-concurrent-reindex": ["reindex table post", "builds the indexes of post anew", `${ALONE}reindex (concurrently) table post`],
  "ban-concurrent-index-creation-in-transaction": [
    "create index concurrently post_slug on post (slug)",
    "works concurrently inside a transaction",
    `${ALONE}create index concurrently post_slug on post (slug)`,
  ],
  "require-concurrent-refresh": [
    "refresh materialized view totals",
    "computes totals anew",
    "refresh materialized view concurrently totals; create materialized view t as select 1 as x; refresh materialized view t",
  ],
  "adding-foreign-key-constraint": [
    "alter table post add constraint by foreign key (author) references author",
    "adds the foreign key by to post",
    "alter table post add foreign key (author) references author not valid; alter table post add editor bigint references author",
  ],
  "constraint-missing-not-valid": [
    "alter table post add constraint short check (length(title) < 9)",
    "adds the check short to post",
    "alter table post add constraint short check (length(title) < 9) not valid; create table t (id bigint); alter table t add check (id > 0)",
  ],
  "validating-in-same-transaction": [
    "alter table post add constraint short check (length(title) < 9) not valid; alter table post validate constraint short",
    "validates post.short right after adding it",
    "alter table post validate constraint short",
  ],
  "disallowed-unique-constraint": [
    "alter table post add constraint one unique (slug)",
    "adds the unique constraint one to post",
    "alter table post add constraint one unique using index post_slug; create table t (id bigint unique)",
  ],
  "adding-primary-key-constraint": [
    "alter table post add primary key (id)",
    "adds the primary key to post",
    "alter table post add primary key using index post_id",
  ],
  "adding-exclusion-constraint": [
    "alter table stay add constraint alone exclude using gist (during with &&)",
    "adds the exclusion constraint alone to stay",
    "create table t (during tstzrange, exclude using gist (during with &&))",
  ],
  "adding-not-nullable-field": [
    "alter table post alter title set not null",
    "makes post.title required",
    "create table t (a text); alter table t alter a set not null",
  ],
  "adding-required-field": [
    "alter table post add slug text not null",
    "adds the column post.slug, required and without a default",
    "alter table post add slug text not null default '', add note text, add n bigint generated always as (1) stored not null",
  ],
  "adding-field-with-default": [
    "alter table post add code uuid default gen_random_uuid()",
    "adds the column post.code, with the default gen_random_uuid()",
    "alter table post add at timestamptz default now(), add n bigint default 0; create table t (code uuid default gen_random_uuid())",
  ],
  "backfill-in-one-statement": [
    "alter table post add slug text; update post set slug = lower(title)",
    "fills slug in every row of post",
    "alter table post add slug text; update post set slug = lower(title) where id < 1000",
  ],
  "ban-alter-domain-with-add-constraint": [
    "alter domain name add constraint short check (length(value) < 9)",
    "adds a rule to the domain name",
    "alter domain name add constraint short check (length(value) < 9) not valid; alter domain name set default ''",
  ],
  "ban-vacuum-full": ["vacuum (full, analyze) post", "vacuums a table in full", "vacuum post"],
  "ban-lock-table": ["lock table post", "locks post", "select 1 from post for update"],
  "transaction-nesting": ["begin", "controls the transaction", "select 'begin'"],
  "prefer-bigint-over-int": ["create table t (n int)", "gives t.n the type integer", "create table t (n bigint)"],
  "prefer-bigint-over-smallint": ["alter table t add n smallint", "gives t.n the type smallint", "alter table t add n bigint"],
  "prefer-identity": [
    "create table t (id bigserial)",
    "gives t.id the type bigserial",
    "create table t (id bigint generated always as identity)",
  ],
  "prefer-text-field": [
    "create table t (a varchar(20))",
    "gives t.a the type varchar",
    "create table t (a varchar, b text check (length(b) < 9))",
  ],
  "ban-char-field": ["create table t (a char(3))", "gives t.a the type char", "create table t (a text)"],
  "prefer-timestamptz": [
    "create table t (at timestamp)",
    "gives t.at the type timestamp",
    "create table t (at timestamptz, day date, hour time)",
  ],
  "prefer-jsonb": ["create table t (a json)", "gives t.a the type json", "create table t (a jsonb)"],
  "ban-money-field": ["create table t (a money)", "gives t.a the type money", "create table t (a numeric(10, 2))"],
  "ban-drop-not-null": [
    "alter table post alter title drop not null",
    "makes post.title optional",
    "alter table post alter title set default ''",
  ],
  "ban-drop-constraint": [
    "alter table post drop constraint short",
    "drops the constraint post.short",
    "alter table post drop constraint short; alter table post add constraint short check (title <> '') not valid",
  ],
  "ban-drop-trigger": [
    "drop trigger t on post",
    "drops the trigger post.t",
    "create or replace trigger t after insert on post for each row execute function f()",
  ],
  "ban-drop-policy": ["drop policy own on post", "drops the policy post.own", "alter policy own on post using (true)"],
  "ban-disable-trigger": ["alter table post disable trigger all", "turns triggers of post off", "alter table post enable trigger all"],
  "ban-create-domain-with-constraint": [
    "create domain name as text check (value <> '')",
    "makes the domain name with rules",
    "create domain name as text",
  ],
  "require-enum-value-ordering": [
    "alter type mood add value 'fine'",
    "adds a value to the type mood at its end",
    "alter type mood add value 'fine' after 'good'",
  ],
  "identifier-too-long": [
    `create table ${"t".repeat(64)} (id bigint)`,
    `names something ${"t".repeat(64)}`,
    `create table ${"t".repeat(63)} (id bigint)`,
  ],
};

describe("a rule", () => {
  it("is tested, whichever it is, and says what is lost or blocked and what to do", () => {
    expect(Object.keys(CASES).toSorted()).toEqual(RULES.map(({ id }) => id).toSorted());
    for (const { effect, safe } of RULES) {
      expect(effect).toMatch(/^[A-Z].+[.]$/);
      expect(safe).toMatch(/^[A-Z].+[.]$/);
    }
  });

  it.each(Object.entries(CASES))("%s finds what it is for, and not what is near", async (rule, [found, what, near]) => {
    const sql = found.startsWith("-- ") ? found : `-- ä\n${found};`;
    const line = found.startsWith("-- ") ? 1 : 2;
    expect((await lint(sql)).filter((finding) => finding.rule === rule)[0]).toMatchObject({ what, line });
    expect(rulesOf(await lint(near))).not.toContain(rule);
  });
});

describe("lintMigrations", () => {
  it("finds nothing in a careful change, over several migrations", async () => {
    const findings = await lint(
      "create table post (id bigint generated always as identity primary key, title text not null, slug text unique, author bigint references post on delete cascade); create index on post (slug); alter table post add check (title <> ''); alter table post alter slug set not null;",
      "alter table article add slug text; alter table article add constraint slug_there check (slug is not null) not valid;",
      "update article set slug = title where slug is null;",
      "alter table article validate constraint slug_there;",
      "alter table article alter slug set not null;",
      `${ALONE}create unique index concurrently article_slug on article (slug);`,
      "alter table article add constraint article_slug unique using index article_slug;",
    );
    expect(findings).toEqual([]);
  });

  it("asks for a check that was validated in an earlier migration before a column becomes required", async () => {
    const add = "alter table post add constraint there check (title is not null) not valid;";
    const required = "alter table post alter title set not null;";
    const validate = "alter table post validate constraint there;";
    expect(rulesOf(await lint(add, required))).toEqual(["adding-not-nullable-field"]);
    expect(rulesOf(await lint(add, `${validate} ${required}`))).toEqual(["adding-not-nullable-field"]);
    expect(rulesOf(await lint(add, validate, required))).toEqual([]);
    expect(rulesOf(await lintMigrations([source(required)], [source(add), source(validate)]))).toEqual([]);
    expect(rulesOf(await lint(`${add} alter table post drop constraint there`, validate, required))).toContain("adding-not-nullable-field");
  });

  it("takes a table for new only where these migrations make it, in its own app", async () => {
    const index = "create index on post (slug)";
    const create = "create table post (slug text)";
    expect(rulesOf(await lintMigrations([source(create), source(index, "20260102000000")]))).toEqual([]);
    expect(rulesOf(await lintMigrations([source(index)], [source(create)]))).toEqual(["require-concurrent-index-creation"]);
    expect(rulesOf(await lintMigrations([source(create), source(index, "20260102000000", "shop")]))).toEqual([
      "require-concurrent-index-creation",
    ]);
    expect(await lintMigrations([source("create index on post (slug)", "20260101000000", "my-shop")])).toMatchObject([
      { table: "my_shop.post" },
    ]);
  });

  it("takes nothing for new that may have been there: IF NOT EXISTS makes it only where it was not", async () => {
    const found = await lint(
      "create table if not exists post (title text); truncate post",
      "create table if not exists draft as select 1 as id; delete from draft",
      "alter table note add column if not exists body text; update note set body = ''; alter table note drop body",
      "create index if not exists note_body on note (body); drop index note_body",
    );
    expect(found.filter(({ severity }) => severity === "destructive").map(({ what }) => what)).toEqual([
      "empties post",
      "deletes every row of draft",
      "rewrites every row of note",
      "drops the column note.body",
    ]);
    expect(rulesOf(found)).toContain("require-concurrent-index-deletion");
  });

  it("takes no table for new in which the rows of an old one are found", async () => {
    const all = "create table every (id bigint) partition by range (id)";
    const middle = "create table middle partition of every for values from (0) to (9) partition by range (id)";
    expect(rulesOf(await lint(`${all}; ${middle}; alter table middle attach partition old default; truncate every`))).toEqual([
      "ban-truncate",
    ]);
    expect(rulesOf(await lint(`${all}; create table t (id bigint); alter table every attach partition t default; truncate every`))).toEqual(
      [],
    );
    const heir = "create table every (id bigint); alter table old inherit every; alter table every rename to whole; delete from whole";
    expect(rulesOf(await lint(heir))).toEqual(["renaming-table", "ban-delete-without-where"]);
  });

  it("looks through functions that call others, however they are written and whichever came first", async () => {
    const atomic = "create function tidy() returns void language sql begin atomic delete from post; end";
    const outer = "create function outer_tidy(n int) returns void language sql return tidy()";
    const what = async (...sql: string[]): Promise<string[]> =>
      (
        await lintMigrations(
          sql.slice(-1).map((text) => source(text)),
          sql.slice(0, -1).map((text) => source(text)),
        )
      ).map((one) => one.what);
    expect(await what(atomic)).toEqual(["makes the function tidy, which deletes every row of post"]);
    expect(await what(atomic, "select tidy()")).toEqual(["calls tidy, which deletes every row of post"]);
    expect(await what(atomic, outer)).toEqual(["makes the function outer_tidy, which calls tidy, which deletes every row of post"]);
    expect(await what(atomic, outer, "select outer_tidy(1)")).toEqual([
      "calls outer_tidy, which calls tidy, which deletes every row of post",
    ]);
    const harmless = "create function tidy() returns void language sql begin atomic; end";
    const replaced = atomic.replace("create", "create or replace");
    expect(await what(harmless, outer, replaced, "select outer_tidy(1)")).toEqual([
      "calls outer_tidy, which calls tidy, which deletes every row of post",
    ]);
    expect(await what(atomic, outer, harmless.replace("create", "create or replace"), "select outer_tidy(1)")).toEqual([]);
    expect(await what(atomic, harmless.replace("tidy()", "tidy(int)"), "select tidy()")).toEqual([
      "calls tidy, which deletes every row of post",
    ]);
  });

  it("looks into functions, where they are made and where they are called", async () => {
    const make = "create function tidy() returns void language sql as $$ delete from draft where old; delete from post; drop table note $$";
    expect((await lint(make)).map(({ what }) => what)).toEqual([
      "makes the function tidy, which deletes every row of post",
      "makes the function tidy, which drops the table note",
    ]);
    expect((await lintMigrations([source("select 1;\nselect tidy()")], [source(make)])).map(({ what, line }) => [line, what])).toEqual([
      [2, "calls tidy, which deletes every row of post"],
      [2, "calls tidy, which drops the table note"],
    ]);
    const atomic = "create function tidy() returns void language sql begin atomic delete from post; end";
    expect(rulesOf(await lint(atomic))).toEqual(["ban-delete-without-where"]);
  });

  it("finds every row that a join without a condition reaches", async () => {
    const found = await lint("update post set title = author.name from author; delete from post using author");
    expect(rulesOf(found)).toEqual(["ban-update-without-where", "ban-delete-without-where"]);
  });

  it("keeps a finding that the file accepts, with its reason; what destroys is not accepted", async () => {
    const findings = await lint(
      "-- adorable: accept disallowed-unique-constraint: it has 200 rows\nalter table post add unique (slug);\n-- adorable: accept ban-drop-table: nobody needs it\ndrop table draft;",
    );
    expect(findings).toMatchObject([
      { rule: "disallowed-unique-constraint", severity: "blocking", line: 2, accepted: "it has 200 rows" },
      { rule: "ban-drop-table", severity: "destructive", line: 4 },
    ]);
    expect(findings[1]).not.toHaveProperty("accepted");
  });
});
