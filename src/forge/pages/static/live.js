// Asks for the page again when it is told of a change, and changes only what differs: what is typed, open or scrolled stays.
import { Idiomorph } from "/_static/idiomorph.js";

const PAUSE_MS = 200;
const address = document.querySelector("script[data-changes]").dataset.changes;
/** What the server last wished of each <details>: a person's choice stands until that wish changes. */
const wishes = new WeakMap();
let isDue = false;
let isBusy = false;
let source;

const isTyped = (node) => node.matches?.("textarea, select, input:not([type=hidden])");
const noteWishes = () => {
  for (const details of document.querySelectorAll("main details")) if (!wishes.has(details)) wishes.set(details, details.open);
};

function keep(before, after) {
  if (isTyped(before)) return false;
  if (before.tagName === "DETAILS" && after.tagName === "DETAILS") {
    const wish = after.open;
    if (wish === wishes.get(before)) after.open = before.open;
    wishes.set(before, wish);
  }
  return true;
}

/** A form in which something was written is not taken away. */
function mayRemove(node) {
  return ![...(node.querySelectorAll?.("textarea") ?? [])].some((field) => field.value !== field.defaultValue);
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const followed = [...document.querySelectorAll(".log[role=log]")].filter(
    (log) => log.scrollHeight - log.scrollTop - log.clientHeight < 40,
  );
  Idiomorph.morph(document.querySelector("main"), page.querySelector("main"), {
    ignoreActiveValue: true,
    callbacks: { beforeNodeMorphed: keep, beforeNodeRemoved: mayRemove },
  });
  noteWishes();
  document.title = page.title;
  for (const log of followed) log.scrollTop = log.scrollHeight;
}

/** One refresh at a time; changes meanwhile make one more. */
async function changed() {
  isDue = true;
  if (isBusy) return;
  isBusy = true;
  while (isDue) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    isDue = false;
    // The forge may be away for a moment; when it is back, the stream says so and this runs again.
    await refresh().catch(() => undefined);
  }
  isBusy = false;
}

/** Only while it is looked at: a browser keeps few connections to one host. */
function connect() {
  if (document.hidden) {
    source?.close();
    source = undefined;
  } else if (source === undefined) {
    source = new EventSource(address);
    // Also after a pause: what happened meanwhile was told to nobody.
    source.addEventListener("ready", changed);
    source.addEventListener("changed", changed);
  }
}

function openTarget() {
  const target = location.hash === "" ? null : document.getElementById(location.hash.slice(1));
  const details = target?.closest("details");
  if (details) details.open = true;
  target?.scrollIntoView();
}

noteWishes();
openTarget();
connect();
addEventListener("hashchange", openTarget);
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  source = undefined;
  connect();
});
document.addEventListener("visibilitychange", connect);
