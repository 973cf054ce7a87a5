import type { MakeTarget } from "./target.ts";
import { archiveTarget } from "./targets/archive.ts";
import { cmsTarget } from "./targets/cms.ts";
import { cvdTarget } from "./targets/cvd.ts";
import { ftpTarget } from "./targets/ftp.ts";
import { guardTarget } from "./targets/guard.ts";
import { httpTarget } from "./targets/http.ts";
import { indexTarget } from "./targets/index.ts";

/** Every parser that reads what strangers write before anything of it is verified, and what clients say. */
export const TARGETS: Readonly<Record<string, MakeTarget>> = {
  guard: guardTarget,
  index: indexTarget,
  cvd: cvdTarget,
  cms: cmsTarget,
  archive: archiveTarget,
  ftp: ftpTarget,
  http: httpTarget,
};
