import type { Instant } from "../core/kernel/instant.ts";
import type { Results } from "../wire/requests.ts";
import type { CommandContext } from "./context.ts";

import { hindranceText } from "./hindrance-text.ts";
import { distance, localTime } from "./time-text.ts";

type Explained = Results["policy-explain"];
type Ring = Explained["rings"][number];

/** What will happen in each ring and when, and why not now. */
export function outlookText(explained: Explained, context: CommandContext): string {
  const by = explained.version === 0 ? "no policy of its own" : `version ${explained.version} of its policy`;
  const head = `${explained.source} goes by ${by}; hours are in ${explained.zone}\n`;
  return head + explained.rings.map((ring, index) => `\n${ringText(ring, index, explained, context)}`).join("");
}

function ringText(ring: Ring, index: number, { rings, at }: Explained, context: CommandContext): string {
  const { paint, terminal } = context;
  const when = (instant: Instant): string => `${localTime(instant, terminal)} (${distance(instant, at)})`;
  const share = ring.share === null ? "" : `, ${Math.round(ring.share * 100)} % of the fleet`;
  const lines = [
    `${paint(ring.channel, "strong")}${share}: ${ring.revision === null ? "shows nothing yet" : `shows revision ${ring.revision}`}`,
  ];
  const earlier = rings[index - 1]?.channel ?? null;
  const { next } = ring;
  if (next === null) {
    lines.push(earlier === null ? "a sync moves it as soon as there is something new" : `${earlier} has nothing newer`);
  } else {
    const who = ring.automatic ? "by itself" : "when a person says so";
    const state = next.mayMove
      ? ring.automatic
        ? "it moves at the next look"
        : "nothing stands in its way"
      : "not now:";
    lines.push(`next is revision ${next.revision}, ${who}; ${state}`);
    for (const each of next.hindrances) lines.push(`  - ${hindranceText(each, when)}`);
    for (const each of next.overruled) lines.push(`  - in spite of: ${hindranceText(each, when)}`);
    if (next.since !== null && earlier !== null) lines.push(`in ${earlier} since ${when(next.since)}`);
    if (next.soakedAt !== null && earlier !== null) lines.push(`soak clock: over ${when(next.soakedAt)}`);
  }
  if (ring.overdueAt !== null)
    lines.push(
      paint(
        `staleness clock: ${ring.overdue ? "overdue since" : "limit"} ${when(ring.overdueAt)}`,
        ring.overdue ? "bad" : "plain",
      ),
    );
  if (ring.collides && !ring.overdue) lines.push(paint("the clocks collide: the soak ends after the limit", "bad"));
  const [head = "", ...rest] = lines;
  return `${head}\n${rest.map((line) => `  ${line}\n`).join("")}`;
}
