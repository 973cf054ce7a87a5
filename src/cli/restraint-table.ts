import { restraintText } from "../core/model/restraint.ts";
import type { Results } from "../wire/requests.ts";
import type { CommandContext } from "./context.ts";
import { table } from "./table.ts";
import { timeAndDistance } from "./time-text.ts";

type Restraint = Results["restraints"]["restraints"][number];

/** Holds, pins and blocks, one in a line. */
export function restraintTable(restraints: readonly Restraint[], { paint, terminal }: CommandContext): string {
  if (restraints.length === 0) return "nothing is held, pinned or blocked\n";
  return table(
    ["NUMBER", "WHAT", "SINCE", "BY", "UNTIL", "REASON"],
    restraints.map(({ id, on, at, by, expiresAt, released, reason }) => [
      id,
      { text: restraintText(on as Parameters<typeof restraintText>[0]), tone: released === null ? "bad" : "faint" },
      timeAndDistance(at, terminal),
      by,
      released === null ? timeAndDistance(expiresAt, terminal) : `released by ${released.by}`,
      reason,
    ]),
    paint,
  );
}
