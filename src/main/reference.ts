import { writeFile } from "node:fs/promises";
import { referencePages } from "../cli/reference/pages.ts";

/** Writes the generated pages of docs/reference/: `npm run reference`. A test fails when they are stale. */
for (const [name, text] of referencePages()) {
  await writeFile(new URL(`../../docs/reference/${name}`, import.meta.url), text);
}
