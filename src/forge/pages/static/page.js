// What every page does beyond its forms: colours without a reload, Ctrl+Enter, menus that close, and one press for one request.

/** Switches at once and lets the server remember; the page and what is typed in it stay. */
function switchTheme(form, theme) {
  document.documentElement.dataset.theme = theme;
  document.querySelector("meta[name=color-scheme]").content = theme;
  form.querySelector(`button:not([value=${theme}])`).focus();
  // Where it cannot be remembered, the page keeps the colours that it has.
  fetch(form.action, { method: "POST", body: new URLSearchParams({ theme }), redirect: "manual" }).catch(() => {});
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches(".theme")) {
    event.preventDefault();
    switchTheme(form, event.submitter.value);
    return;
  }
  if (form.method !== "post") return;
  if (form.dataset.sent !== undefined) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "";
  event.submitter?.setAttribute("aria-busy", "true");
});

/** A page that comes back from the browser's memory can be sent again. */
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea, input")) {
    const button = event.target.form?.querySelector("button[data-default]");
    if (button) {
      event.preventDefault();
      event.target.form.requestSubmit(button);
    }
  }
  if (event.key === "Escape") {
    const menu = event.target.closest("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
});

const closeOthers = (event) => {
  const { target } = event;
  for (const menu of document.querySelectorAll("details.menu[open]"))
    if (!menu.contains(target) && !target.contains(menu)) menu.open = false;
};
document.addEventListener("click", closeOthers);
document.addEventListener("focusin", closeOthers);

for (const field of document.querySelectorAll("input.code")) field.addEventListener("focus", () => field.select());

// Where the navigation is wider than the screen.
for (const tab of document.querySelectorAll(".tabs a[aria-current]")) tab.parentElement.scrollLeft = tab.offsetLeft - 60;
