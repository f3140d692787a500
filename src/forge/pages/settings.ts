/** A repository's settings: what it is, who may do what in it, and which Apps hear of it. For its admins. */
import { html, raw } from "hono/html";
import type { Session } from "../accounts.ts";
import type { ForgeCore } from "../core.ts";
import type { Repository, Role } from "../records.ts";
import { icon } from "./icons.ts";
import { avatar, type Html } from "./layout.ts";
import { badge, form } from "./parts.ts";
import { rulesView } from "./rules.ts";

/** What can be given, with what it lets people do. */
export const GIVEN_ROLES: readonly (readonly [Role, string])[] = [
  ["read", "read and comment"],
  ["triage", "close issues and ask for reviews"],
  ["write", "push, merge and give requests"],
  ["maintain", "as write"],
  ["admin", "change these settings"],
];

export function settingsBody(core: ForgeCore, repository: Repository, session: Session): Html {
  const action = `/${repository.fullName}/settings`;
  const branches = core.state.branches(repository.id);
  return html`<h1>Settings</h1>
    <div class="narrow">
      <section class="card pad" aria-labelledby="general">
        <h2 id="general">The repository</h2>
        ${form(
          session,
          action,
          html`<label for="description">Description</label>
            <input id="description" name="description" maxlength="350" autocomplete="off" value="${repository.description ?? ""}" />
            ${
              branches.length === 0
                ? ""
                : html`<label for="default">Default branch</label>
                    <select id="default" name="default">
                      ${branches.map(({ name }) => html`<option ${name === repository.defaultBranch ? raw("selected") : ""}>${name}</option>`)}
                    </select>`
            }
            <fieldset class="choices">
              <legend>Who may see it</legend>
              <label
                ><input type="radio" name="visibility" value="public" ${repository.isPrivate ? "" : raw("checked")} /><span
                  ><strong>Public</strong> <span class="muted small">everybody who reaches this address</span></span
                ></label
              >
              <label
                ><input type="radio" name="visibility" value="private" ${repository.isPrivate ? raw("checked") : ""} /><span
                  ><strong>Private</strong> <span class="muted small">the people below only</span></span
                ></label
              >
            </fieldset>
            <p class="actions"><button class="primary" type="submit" data-default>Save</button></p>`,
          "composer",
        )}
      </section>
      ${peopleView(core, repository, session, `${action}/people`)} ${rulesView(core, repository, session)} ${appsView(core, repository)}
    </div>`;
}

function peopleView(core: ForgeCore, repository: Repository, session: Session, action: string): Html {
  const people = core.state.collaborators(repository.id).map(({ accountId, role }) => ({ account: core.state.account(accountId), role }));
  const owner = core.state.account(repository.ownerId);
  const roles = (chosen: Role): Html[] =>
    GIVEN_ROLES.map(([role, text]) => html`<option value="${role}" ${role === chosen ? raw("selected") : ""}>${role}: ${text}</option>`);
  return html`<section class="card pad" aria-labelledby="people">
    <h2 id="people">People</h2>
    <ul class="plain-list people">
      <li>${avatar(owner)} <strong class="grow">${owner.login}</strong> ${badge("quiet", "owner")}</li>
      ${people.map(
        ({ account, role }) =>
          html`<li>
            ${avatar(account)} <strong class="grow">${account.login}</strong> ${badge("quiet", role)}
            ${form(session, action, html`<input type="hidden" name="login" value="${account.login}" /><button name="role" value="none" type="submit" aria-label="Remove ${account.login}">Remove</button>`)}
          </li>`,
      )}
    </ul>
    ${form(
      session,
      action,
      html`<label for="login">Add somebody, or change what they may do</label>
        <div class="together">
          <input id="login" name="login" required autocomplete="off" placeholder="Login" />
          <select name="role" aria-label="What they may do">
            ${roles("write")}
          </select>
          <button type="submit">Give access</button>
        </div>`,
      "composer",
    )}
  </section>`;
}

function appsView(core: ForgeCore, repository: Repository): Html {
  const apps = core.state.installationsOn(repository.id).flatMap((installation) => core.state.app(installation.appId) ?? []);
  return html`<section class="card pad" aria-labelledby="apps">
    <h2 id="apps">Apps</h2>
    ${
      apps.length === 0
        ? html`<p class="muted">None is installed here: nobody answers requests.</p>`
        : html`<ul class="plain-list">
            ${apps.map(
              (app) =>
                html`<li>
                  <p class="with-icon">${icon("check")}<strong>${app.name}</strong></p>
                  <p class="muted small">
                    ${Object.entries(app.permissions)
                      .map(([name, level]) => `${name.replaceAll("_", " ")}: ${level}`)
                      .join(" · ")}
                  </p>
                </li>`,
            )}
          </ul>`
    }
  </section>`;
}
