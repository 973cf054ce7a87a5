import { config } from "../../core/config.ts";
import { hostFile } from "../../core/model/host-file.ts";
import { releasePolicy } from "../../core/model/policy.ts";
import { sourceSpec } from "../../core/model/source.ts";
import { checksPage } from "./checks-page.ts";
import { cliPage } from "./cli-page.ts";
import { errorsPage } from "./errors-page.ts";
import { hostFilePage } from "./host-file-page.ts";
import { configurationPage, editorSchema, jsonPage, policyPage, sourcePage } from "./schema-pages.ts";

/** Every generated file of docs/reference/, by its name. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["checks.md", checksPage()],
    ["cli.md", cliPage()],
    ["configuration.md", configurationPage()],
    ["errors.md", errorsPage()],
    ["host-file.md", hostFilePage()],
    ["json.md", jsonPage()],
    ["policy.md", policyPage()],
    ["source.md", sourcePage()],
    ["host-file.schema.json", editorSchema(hostFile, "A Ringfort host file")],
    ["policy.schema.json", editorSchema(releasePolicy, "The release policy of a Ringfort source")],
    ["ringfort.schema.json", editorSchema(config, "Ringfort's configuration")],
    ["source.schema.json", editorSchema(sourceSpec, "The description of a Ringfort source")],
  ]);
}
