import { formatSize } from "../core/kernel/size.ts";
import type { Results } from "../wire/requests.ts";
import type { CommandContext } from "./context.ts";
import { table } from "./table.ts";
import { timeAndDistance } from "./time-text.ts";

type Position = Results["channels"]["positions"][number];

/** Where each channel of each source points. */
export function positionTable(positions: readonly Position[], { paint, terminal }: CommandContext): string {
  if (positions.length === 0) return "no channel shows anything yet; next: ringfort sync NAME\n";
  return table(
    ["SOURCE", "CHANNEL", "REVISION", "BEHIND", "MOVED", "FILES", "SIZE", "URL"],
    positions.map((one) => [
      one.unsigned ? { text: `${one.source} (unsigned)`, tone: "bad" } : one.source,
      one.channel,
      one.revision,
      one.behind,
      timeAndDistance(one.movedAt, terminal),
      one.files,
      one.bytes === null ? null : formatSize(one.bytes),
      one.url,
    ]),
    paint,
  );
}
