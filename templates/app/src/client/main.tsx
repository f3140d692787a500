import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { App } from "./app.tsx";
import { Providers } from "./providers.tsx";
import "./styles.css";

// A release replaces hashed files: a page opened before it loads itself anew, once, when one of its parts is gone.
window.addEventListener("vite:preloadError", (event) => {
  if (sessionStorage.getItem("reloaded-for") === location.href) return;
  sessionStorage.setItem("reloaded-for", location.href);
  event.preventDefault();
  location.reload();
});

const root = document.getElementById("root");
if (!root) throw new Error("The page has no #root.");
createRoot(root).render(
  <Providers>
    <BrowserRouter>
      <App />
    </BrowserRouter>
  </Providers>,
);
