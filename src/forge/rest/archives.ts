/** Routes of a commit's files as one archive: a link that is good for a minute, and what it leads to. */
import { authorize } from "../auth.ts";
import type { ForgeCore } from "../core.ts";
import { notFound } from "../faults.ts";
import { objectsOf } from "../objects.ts";
import { numberParam, repositoryOf, textParam, type Api } from "./http.ts";
import { checkSigned, signedLink } from "./signed-links.ts";

const FORMATS = { zipball: "zip", tarball: "tar.gz" } as const;

export function archiveRoutes(core: ForgeCore, api: Api): void {
  for (const kind of ["zipball", "tarball"] as const) {
    api.get(`/repos/:owner/:repo/${kind}/:ref{.+}`, async (c) => {
      const repository = repositoryOf(core, c);
      authorize(core, c.get("actor"), repository, { permission: "contents", level: "read" });
      const sha = await objectsOf(core.git, repository.id).resolve(textParam(c, "ref"));
      if (sha === undefined) throw notFound();
      return c.redirect(signedLink(core, `/_actions/archives/${repository.id}/${sha}.${FORMATS[kind]}`), 302);
    });
  }
}

export function archiveServices(core: ForgeCore, api: Api): void {
  api.get("/_actions/archives/:id/:file", async (c) => {
    checkSigned(core, c);
    const repository = core.state.repositoryById(numberParam(c, "id"));
    const [, sha = "", format = ""] = /^([0-9a-f]{40})\.(zip|tar\.gz)$/.exec(textParam(c, "file")) ?? [];
    if (repository === undefined || sha === "") throw notFound();
    const name = `${repository.owner}-${repository.name}-${sha.slice(0, 7)}`;
    const { stdout } = await core.git.run(repository.id, ["archive", `--format=${format}`, `--prefix=${name}/`, sha]);
    const type = format === "zip" ? "application/zip" : "application/x-gzip";
    return c.body(new Uint8Array(stdout), 200, { "content-type": type, "content-disposition": `attachment; filename=${name}.${format}` });
  });
}
