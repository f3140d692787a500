// Asks for the page again when its repository changed, and changes only what differs: what is being typed stays.
import { Idiomorph } from "/_static/idiomorph.js";

const [, owner, name] = location.pathname.split("/");
if (owner && name) {
  let timer;
  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const main = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    const keepOpen = (before, after) => {
      if (before.tagName === "DETAILS" && before.open) after.setAttribute("open", "");
      return !(before === document.activeElement);
    };
    Idiomorph.morph(document.querySelector("main"), main, { ignoreActiveValue: true, callbacks: { beforeNodeMorphed: keepOpen } });
  };
  new EventSource(`/${owner}/${name}/_changes`).addEventListener("changed", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 200);
  });
}
