import { formatSize } from "../core/kernel/size.ts";
import type { Results } from "../wire/requests.ts";
import type { CommandContext } from "./context.ts";
import { table } from "./table.ts";
import { timeAndDistance } from "./time-text.ts";

/** Those that a collection removed, one in a line. */
export function purgedTable(
  purged: Results["revisions"]["purged"],
  { paint, terminal }: Pick<CommandContext, "paint" | "terminal">,
): string {
  return table(
    ["REMOVED", "SEALED", "FILES", "SIZE", "VOUCHED BY", "WHEN", "BY", "WHY"],
    purged.map((one) => [
      one.revision,
      timeAndDistance(one.sealedAt, terminal),
      one.files,
      formatSize(one.bytes),
      one.vouchedBy,
      timeAndDistance(one.purgedAt, terminal),
      one.by,
      one.why,
    ]),
    paint,
  );
}

type RevisionSummary = Results["revisions"]["revisions"][number];

/** A source's revisions, one in a line, those of an unsigned source in red. */
export function revisionTable(revisions: readonly RevisionSummary[], { paint, terminal }: CommandContext): string {
  return table(
    ["REVISION", "SEALED", "FILES", "SIZE", "VERSIONS", "VOUCHED BY", "CHANNELS"],
    revisions.map((one) => [
      one.revision,
      timeAndDistance(one.sealedAt, terminal),
      one.files,
      formatSize(one.bytes),
      one.series.map(({ name, version }) => `${name} ${version}`).join(", ") || null,
      one.unsigned ? { text: "nobody: unsigned", tone: "bad" } : one.vouchedBy,
      one.channels.join(", ") || null,
    ]),
    paint,
  );
}
