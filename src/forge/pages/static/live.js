// Asks for the page again when it is told of a change, and changes only what differs: what is typed, open or scrolled stays.
import { Idiomorph } from "/_static/idiomorph.js";

const PAUSE_MS = 200;
/** "5 minutes ago" grows old by itself. */
const TIMES_MS = 60_000;
const address = document.querySelector("script[data-changes]").dataset.changes;
/** What the server last wished of each <details>: a person's choice stands until that wish changes. */
const wishes = new WeakMap();
let isDue = false;
let isBusy = false;
let source;
let news = [];

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
  // What is on its way stays so.
  if (before.tagName === "FORM" && before.dataset.sent !== undefined) after.dataset.sent = "";
  return true;
}

/** A form in which something was written is not taken away. */
function mayRemove(node) {
  return ![...(node.querySelectorAll?.("textarea") ?? [])].some((field) => field.value !== field.defaultValue);
}

/** Seen for a moment, and said to those who hear the page. */
function added(node) {
  if (!node.matches?.("article.said")) return;
  node.classList.add("fresh");
  node.addEventListener("animationend", () => node.classList.remove("fresh"), { once: true });
  news.push(node.getAttribute("aria-label"));
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const followed = [...document.querySelectorAll(".log[role=log]")].filter(
    (log) => log.scrollHeight - log.scrollTop - log.clientHeight < 40,
  );
  news = [];
  const callbacks = { beforeNodeMorphed: keep, beforeNodeRemoved: mayRemove, afterNodeAdded: added };
  for (const place of ["main", "header .tabs"]) {
    const [before, after] = [document.querySelector(place), page.querySelector(place)];
    if (before && after) Idiomorph.morph(before, after, { callbacks });
  }
  noteWishes();
  document.title = page.title;
  if (news.length > 0) document.getElementById("news").textContent = `New: ${news.join(", ")}`;
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

const offline = (isOffline) => {
  document.querySelector(".offline").hidden = !isOffline;
};

/** Only while it is looked at: a browser keeps few connections to one host. */
function connect() {
  if (document.hidden) {
    source?.close();
    source = undefined;
  } else if (source === undefined) {
    source = new EventSource(address);
    // Also after a pause: what happened meanwhile was told to nobody.
    source.addEventListener("ready", () => {
      offline(false);
      void changed();
    });
    source.addEventListener("changed", changed);
    source.addEventListener("error", () => offline(true));
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
setInterval(() => {
  if (!document.hidden) void changed();
}, TIMES_MS);
addEventListener("hashchange", openTarget);
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  source = undefined;
  connect();
});
document.addEventListener("visibilitychange", connect);
