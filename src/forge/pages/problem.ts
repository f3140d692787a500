/** The page that says no: what was refused or failed, what to do, and what had been typed. */
import { html } from "hono/html";
import type { Html } from "./layout.ts";

export interface Problem {
  status: number;
  heading: string;
  /** What happened, in a sentence. */
  text: string;
  /** What to do next. */
  advice: string;
  /** A path of this site. */
  back: string;
  backLabel: string;
  typed: string;
}

export function problemBody({ status, heading, text, advice, back, backLabel, typed }: Problem): Html {
  return html`<div class="refusal">
    <p class="refusal-status" aria-hidden="true">${status}</p>
    <h1>${heading}</h1>
    <p class="problem" role="alert">${text}</p>
    ${advice === "" ? "" : html`<p class="muted">${advice}</p>`}
    ${
      typed === ""
        ? ""
        : html`<p class="field">
            <label for="typed">What you had written</label><textarea id="typed" rows="6" readonly>${typed}</textarea>
          </p>`
    }
    <p class="actions"><a class="button" href="${back}">${backLabel}</a></p>
  </div>`;
}
