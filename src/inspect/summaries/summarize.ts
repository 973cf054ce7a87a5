import type { ContentSummary, SummaryKind } from "../../core/model/content-summary.ts";
import type { FileRange } from "../../formats/archive/read-range.ts";
import { summarizeClamav } from "./clamav.ts";
import { summarizeDebian } from "./debian.ts";
import type { Gathered } from "./gathered.ts";
import { summarizeSuricata } from "./suricata.ts";
import type { Unpack } from "./unpacked.ts";

const SUMMARIES: Readonly<Record<SummaryKind, (file: FileRange, path: string, unpack: Unpack) => Promise<Gathered>>> = {
  clamav: summarizeClamav,
  suricata: summarizeSuricata,
  debian: summarizeDebian,
};

/** What a file's content means; whatever is wrong with it is a fault in the answer. Throws `store.io` alone. */
export async function summarize(
  kind: SummaryKind,
  file: FileRange,
  path: string,
  unpack: Unpack,
): Promise<ContentSummary> {
  return (await SUMMARIES[kind](file, path, unpack)).summary();
}
