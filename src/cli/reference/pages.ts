import { config } from "../../core/config.ts";
import { sourceSpec } from "../../core/model/source.ts";
import { cliPage } from "./cli-page.ts";
import { errorsPage } from "./errors-page.ts";
import { configurationPage, editorSchema, jsonPage, sourcePage } from "./schema-pages.ts";

/** Every generated file of docs/reference/, by its name. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["cli.md", cliPage()],
    ["configuration.md", configurationPage()],
    ["errors.md", errorsPage()],
    ["json.md", jsonPage()],
    ["source.md", sourcePage()],
    ["ringfort.schema.json", editorSchema(config, "Ringfort's configuration")],
    ["source.schema.json", editorSchema(sourceSpec, "The description of a Ringfort source")],
  ]);
}
