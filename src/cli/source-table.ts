import type { Results } from "../wire/requests.ts";
import type { CommandContext } from "./context.ts";
import { type Cell, table } from "./table.ts";
import { timeAndDistance } from "./time-text.ts";

type SourceSummary = Results["source-list"]["sources"][number];

/** Sources with their last run and their next. */
export function sourceTable(sources: readonly SourceSummary[], { paint, terminal }: CommandContext): string {
  if (sources.length === 0) return "no sources yet; next: ringfort source add --help\n";
  return table(
    ["SOURCE", "FORMAT", "TRUST", "REVISION", "LAST RUN", "OUTCOME", "NEXT RUN"],
    sources.map((source) => [
      source.name,
      source.format,
      source.trust === "none" ? { text: "none", tone: "bad" } : source.trust,
      source.latestRevision,
      timeAndDistance(source.lastRun?.endedAt ?? null, terminal),
      outcome(source.lastRun),
      source.syncing ? "under way" : timeAndDistance(source.nextRun, terminal),
    ]),
    paint,
  );
}

/** How a run ended, with its code where it has one. */
export function outcome(run: SourceSummary["lastRun"]): Cell {
  if (run === null) return null;
  const text = run.code === null ? run.outcome : `${run.outcome}: ${run.code}`;
  return { text, tone: run.outcome === "refused" || run.outcome === "failed" ? "bad" : "plain" };
}
